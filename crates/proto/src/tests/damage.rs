//! Damaged input for every method: whatever the bytes, the answer is a status and never a panic.

use std::borrow::Cow;
use std::task::{Context, Poll, Waker};

use prost::Message;
use prost_reflect::{DescriptorPool, SerializeOptions};

use super::json::filled;
use crate::rpc::{Code, Input, MethodInfo, Params, Segment, Service};

/// Implements every service and no method, so that a request that passes all checks answers Unimplemented.
struct Nobody;

impl crate::merlon::inbox::v1::InboxService<()> for Nobody {}
impl crate::merlon::user::v1::UserService<()> for Nobody {}
impl crate::zitadel::admin::v1::AdminService<()> for Nobody {}
impl crate::zitadel::feature::v2::FeatureService<()> for Nobody {}
impl crate::zitadel::auth::v1::AuthService<()> for Nobody {}
impl crate::zitadel::resources::user::v3alpha::ZitadelUsers<()> for Nobody {}
impl crate::zitadel::resources::userschema::v3alpha::ZitadelUserSchemas<()> for Nobody {}
impl crate::zitadel::user::schema::v3alpha::UserSchemaService<()> for Nobody {}
impl crate::zitadel::user::v2::UserService<()> for Nobody {}
impl crate::zitadel::user::v3alpha::UserService<()> for Nobody {}

fn services() -> Vec<Service<()>> {
    vec![
        crate::merlon::inbox::v1::inbox_service(Nobody),
        crate::merlon::user::v1::user_service(Nobody),
        crate::zitadel::admin::v1::admin_service(Nobody),
        crate::zitadel::feature::v2::feature_service(Nobody),
        crate::zitadel::auth::v1::auth_service(Nobody),
        crate::zitadel::resources::user::v3alpha::zitadel_users(Nobody),
        crate::zitadel::resources::userschema::v3alpha::zitadel_user_schemas(Nobody),
        crate::zitadel::user::schema::v3alpha::user_schema_service(Nobody),
        crate::zitadel::user::v2::user_service(Nobody),
        crate::zitadel::user::v3alpha::user_service(Nobody),
    ]
}

/// A small generator, the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or_default() % below.max(1)
    }

    /// Changes, drops, doubles or cuts a few bytes.
    fn damage(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..=self.roll(3) {
            let place = self.roll(bytes.len());
            match self.roll(5) {
                0 if !bytes.is_empty() => bytes[place] = u8::try_from(self.roll(256)).unwrap_or_default(),
                1 if !bytes.is_empty() => drop(bytes.remove(place)),
                2 => bytes.insert(place, b"{}[]\",:0-\\\xff"[self.roll(11)]),
                3 => bytes.truncate(place),
                _ => bytes.extend_from_within(place..),
            }
        }
    }
}

fn answer(service: &Service<()>, info: &'static MethodInfo, input: Input<'_>) -> Code {
    let mut call = match service.dispatch().call(info, (), input) {
        Ok(call) => call,
        Err(status) => return status.code,
    };
    match call.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Err(status)) => status.code,
        other => panic!("{}: {:?}", info.path, other.map(|answer| answer.map(|_| ()))),
    }
}

#[test]
fn damaged_input_is_refused_and_never_fatal() {
    let pool = DescriptorPool::decode(&*crate::descriptor_set().expect("unpacked")).expect("descriptors");
    let mut dice = Dice(7);
    let services = services();
    let tried = services
        .iter()
        .map(|service| service.methods().count())
        .sum::<usize>();
    assert_eq!(tried, crate::rpc::METHODS.len(), "a service is not tried");
    for service in services {
        for info in service.methods() {
            let message = pool.get_message_by_name(info.input).expect("a message");
            for round in 0..24 {
                let whole = filled(&message, round, 3);
                let json =
                    whole.serialize_with_options(serde_json::value::Serializer, &SerializeOptions::new());
                let (mut proto, mut json) = (
                    whole.encode_to_vec(),
                    json.expect("json").to_string().into_bytes(),
                );
                if round > 0 {
                    dice.damage(&mut proto);
                    dice.damage(&mut json);
                }
                let names: Vec<&str> = info
                    .path
                    .split(['/', '.'])
                    .chain(["id", "query.limit", "a.b.c"])
                    .collect();
                let mut params = Params::default();
                for segment in info.http.as_ref().map(|rule| rule.segments).unwrap_or_default() {
                    if let Segment::Variable(field) | Segment::Rest(field) = segment {
                        params
                            .path
                            .push((*field, Cow::Borrowed(names[dice.roll(names.len())])));
                    }
                }
                let name = names[dice.roll(names.len())];
                params
                    .query
                    .push((Cow::Borrowed(name), Cow::Borrowed(names[dice.roll(names.len())])));
                for input in [
                    Input::Proto(proto.into()),
                    Input::Json(&json),
                    Input::Rest(&json, &params),
                ] {
                    let code = answer(&service, info, input);
                    assert!(
                        matches!(code, Code::InvalidArgument | Code::Unimplemented),
                        "{}: {code:?}",
                        info.path
                    );
                }
            }
        }
    }
}
