//! Our JSON against that of an independent implementation, on messages with every field set, oneof by oneof.

use prost::{Message, Name};
use prost_reflect::{
    DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, SerializeOptions, Value,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::zitadel;

/// Deep enough to reach every type, shallow enough for types that hold themselves.
const LEVELS: u32 = 5;

pub(super) fn filled(message: &MessageDescriptor, round: usize, levels: u32) -> DynamicMessage {
    let mut filled = DynamicMessage::new(message.clone());
    if message.full_name() == "google.protobuf.Struct" {
        let json = serde_json::json!({"text": "ü", "list": [2.5, true, null, {}], "object": {"a": -1.5}});
        return DynamicMessage::deserialize(message.clone(), json).expect("a struct");
    }
    for field in message.fields() {
        if let Some(oneof) = field.containing_oneof()
            && oneof
                .fields()
                .nth(round % oneof.fields().len())
                .is_none_or(|chosen| chosen != field)
        {
            continue;
        }
        if let Some(value) = value(&field, round, levels) {
            let value = if field.is_list() {
                Value::List(vec![value.clone(), value])
            } else {
                value
            };
            filled.set_field(&field, value);
        }
    }
    filled
}

fn value(field: &FieldDescriptor, round: usize, levels: u32) -> Option<Value> {
    Some(match field.kind() {
        Kind::String => Value::String(format!("text \"{round}\" ü")),
        Kind::Bool => Value::Bool(true),
        Kind::Bytes => Value::Bytes(vec![0xfb, 0xff, 0].into()),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => {
            Value::I32(if field.name() == "nanos" { 120_000_000 } else { -5 })
        }
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => Value::I64(1_700_000_000),
        Kind::Uint32 | Kind::Fixed32 => Value::U32(u32::MAX),
        Kind::Uint64 | Kind::Fixed64 => Value::U64(u64::MAX),
        Kind::Float => Value::F32(1.5),
        Kind::Double => Value::F64(2.25),
        Kind::Enum(item) => Value::EnumNumber(item.values().last()?.number()),
        Kind::Message(_) if levels == 0 => return None,
        Kind::Message(message) => Value::Message(filled(&message, round, levels - 1)),
    })
}

fn check<M: Message + Name + Default + PartialEq + Serialize + DeserializeOwned>(pool: &DescriptorPool) {
    let descriptor = pool
        .get_message_by_name(&M::full_name())
        .expect("a message of the contract");
    for round in 0..8 {
        let theirs = filled(&descriptor, round, LEVELS);
        let ours = M::decode(&*theirs.encode_to_vec()).expect("one wire form");
        let text = theirs
            .serialize_with_options(serde_json::value::Serializer, &SerializeOptions::new())
            .expect("json");
        assert_eq!(
            serde_json::to_value(&ours).expect("json"),
            text,
            "{} written",
            M::full_name()
        );
        assert!(
            serde_json::from_value::<M>(text.clone()).expect("read") == ours,
            "{} read: {text}",
            M::full_name()
        );
        // The names of the proto files are accepted too.
        let options = SerializeOptions::new()
            .use_proto_field_name(true)
            .use_enum_numbers(true)
            .stringify_64_bit_integers(false);
        let text = theirs
            .serialize_with_options(serde_json::value::Serializer, &options)
            .expect("json");
        assert!(
            serde_json::from_value::<M>(text.clone()).expect("read") == ours,
            "{} read: {text}",
            M::full_name()
        );
    }
}

#[test]
fn both_implementations_read_and_write_the_same_json() {
    let pool = DescriptorPool::decode(&*crate::descriptor_set().expect("unpacked")).expect("descriptors");
    macro_rules! check {
        ($($package:path => $($message:ident),+;)+) => { $({ use $package::*; $(check::<$message>(&pool);)+ })+ };
    }
    check! {
        zitadel::resources::user::v3alpha => SearchUsersRequest, SearchUsersResponse, GetUserResponse, CreateUserRequest,
            CreateUserResponse, PatchUserRequest, SetContactEmailRequest, SetContactPhoneRequest, SetContactPhoneResponse,
            VerifyOtpsmsRegistrationRequest, VerifyOtpsmsRegistrationResponse, StartIdentityProviderIntentRequest,
            StartIdentityProviderIntentResponse, SetPasswordRequest, StartWebAuthNRegistrationResponse;
        zitadel::resources::userschema::v3alpha => SearchUserSchemasRequest, SearchUserSchemasResponse, CreateUserSchemaRequest;
        zitadel::user::v3alpha => ListUsersRequest, ListUsersResponse, CreateUserRequest, UpdateUserRequest,
            SetContactPhoneResponse, AddOtpsmsAuthenticatorRequest, AddOtpsmsAuthenticatorResponse, SetPasswordRequest;
        zitadel::user::schema::v3alpha => ListUserSchemasRequest, ListUserSchemasResponse;
        zitadel::user::v2 => AddPersonalAccessTokenRequest, ListPersonalAccessTokensRequest, ListPersonalAccessTokensResponse;
        zitadel::auth::v1 => GetMyUserResponse, ListMyAuthFactorsResponse, SetMyPhoneResponse;
        zitadel::v1 => ErrorDetail, CredentialsCheckError;
    }
}
