//! The generated parts, tried on a few messages of the contract.

mod damage;
mod json;

use std::collections::BTreeMap;

use prost::Message;

use crate::rpc::Fields;
use crate::validate::Validate;
use crate::wkt::{ListValue, Struct, Timestamp, Value, value::Kind};
use crate::zitadel::resources::user::v3alpha::{
    CreateUserRequest, GetUser, GetUserRequest, PatchUser, SearchUsersRequest, SearchUsersResponse,
    SetContactPhoneRequest, SetPhone, set_phone,
};
use crate::zitadel::resources::userschema::v3alpha::CreateUserSchemaRequest;
use crate::zitadel::user::v2::AddPersonalAccessTokenRequest;

fn phone(number: &str) -> SetContactPhoneRequest {
    let phone = SetPhone {
        number: number.to_owned(),
        verification: None,
    };
    SetContactPhoneRequest {
        id: "1".to_owned(),
        phone: Some(phone),
        ..SetContactPhoneRequest::default()
    }
}

#[test]
fn nothing_personal_is_printed() {
    let mut request = phone("+41791234567");
    assert_eq!(format!("{request:?}"), "SetContactPhoneRequest { .. }");
    let verification = set_phone::Verification::IsVerified(true);
    assert_eq!(format!("{verification:?}"), "IsVerified(..)");
    request.phone = None;
    let data: crate::wkt::Struct = serde_json::from_str(r#"{"name":"Ada"}"#).expect("an object");
    assert_eq!(format!("{data:?}"), "Struct(1 members)");
}

#[test]
fn lengths_count_code_points() {
    assert!(phone(&"é".repeat(20)).validate().is_ok());
    assert!(phone(&"é".repeat(21)).validate().is_err());
    assert!(phone("").validate().is_err());
}

#[test]
fn lists_name_the_item_and_refuse_doubles() {
    let read = |json: &str| serde_json::from_str::<CreateUserSchemaRequest>(json).expect("a request");
    let good = read(
        r#"{"userSchema":{"type":"t","schema":{},"possibleAuthenticators":["AUTHENTICATOR_TYPE_PASSWORD"]}}"#,
    );
    assert_eq!(good.validate(), Ok(()));
    let zero = read(r#"{"user_schema":{"type":"t","schema":{},"possible_authenticators":[1,0]}}"#);
    let text = zero.validate().expect_err("0 is not allowed").to_string();
    assert!(
        text.contains(".PossibleAuthenticators[1]: value must not be in list [0]"),
        "{text}"
    );
    let twice = read(r#"{"userSchema":{"type":"t","schema":{},"possibleAuthenticators":[1,1]}}"#);
    let text = twice.validate().expect_err("twice").to_string();
    assert!(
        text.ends_with(".PossibleAuthenticators: repeated value must contain unique items"),
        "{text}"
    );
}

/// Messages can hold times that no text of JSON can say; an answer with one of them would have no JSON form.
#[test]
fn times_lie_in_the_years_that_json_can_say() {
    let ends = |seconds: i64, nanos: i32| AddPersonalAccessTokenRequest {
        user_id: "1".to_owned(),
        expiration_date: Some(Timestamp { seconds, nanos }),
    };
    let last = 253_402_300_799;
    assert_eq!(ends(last, 999_999_999).validate(), Ok(()));
    for (seconds, nanos) in [(last + 1, 0), (i64::MAX, 0), (0, -1), (0, 1_000_000_000)] {
        let broken = ends(seconds, nanos).validate().expect_err("no time").to_string();
        let said = "invalid AddPersonalAccessTokenRequest.ExpirationDate: value must be a time in the years 1 to 9999";
        assert_eq!(broken, said, "{seconds} {nanos}");
    }
}

#[test]
fn null_means_absent() {
    let request: GetUserRequest = serde_json::from_str(r#"{"id":null,"instance":null}"#).expect("a request");
    assert_eq!(request, GetUserRequest::default());
    let request: SearchUsersRequest =
        serde_json::from_str(r#"{"query":{"limit":null,"offset":null},"sortingColumn":null,"filters":null}"#)
            .expect("a request");
    assert_eq!(request.query.map(|query| query.limit), Some(0));
    let json = r#"{"userSchema":{"type":"t","schema":{},"possibleAuthenticators":null}}"#;
    let request: CreateUserSchemaRequest = serde_json::from_str(json).expect("a request");
    let schema = request.user_schema.expect("a schema");
    assert!(schema.possible_authenticators.is_empty());
}

#[test]
fn fields_are_set_through_messages_and_oneofs() {
    let mut request = CreateUserRequest::default();
    request.set_field(&["organization", "orgId"], "a").expect("set");
    request
        .set_field(&["organization", "org_domain"], "b")
        .expect("the last member wins");
    request
        .set_field(&["user", "nothing", "deep"], "x")
        .expect("unknown names are ignored");
    assert_eq!(
        serde_json::to_string(&request).expect("json"),
        r#"{"organization":{"orgDomain":"b"},"user":{}}"#
    );
    assert!(request.set_field(&["organization"], "x").is_err());
    assert_eq!(
        GetUserRequest::decode(&b"\x12\x01a"[..])
            .map(|request| request.id)
            .as_deref(),
        Ok("a")
    );
}

/// What is stored is given back in messages as well, and what reads those stops at some depth.
#[test]
fn objects_of_requests_can_be_given_back_in_every_form() {
    let holding = |value: Value| Struct {
        fields: BTreeMap::from([("a".to_owned(), value)]),
    };
    let nested = |levels: usize| {
        let inmost = holding(Kind::NullValue(0).into());
        (1..levels).fold(inmost, |inner, _| holding(Kind::StructValue(inner).into()))
    };
    let patch = |data: Struct| PatchUser {
        data: Some(data),
        ..PatchUser::default()
    };
    let said = |data: Struct| patch(data).validate().map_err(|broken| broken.to_string());
    assert_eq!(said(nested(32)), Ok(()));
    let found = SearchUsersResponse {
        result: vec![GetUser {
            data: Some(nested(32)),
            ..GetUser::default()
        }],
        ..SearchUsersResponse::default()
    };
    let read = SearchUsersResponse::decode(&found.encode_to_vec()[..]);
    assert_eq!(read, Ok(found));
    let list = (1..32).fold(Kind::NullValue(0).into(), |inner: Value, _| {
        Kind::ListValue(ListValue { values: vec![inner] }).into()
    });
    assert_eq!(said(holding(list.clone())), Ok(()));
    let deeper = Kind::ListValue(ListValue { values: vec![list] });
    for data in [nested(33), holding(deeper.into())] {
        let said = said(data).expect_err("too deep");
        assert!(
            said.ends_with(".Data: value must nest at most 32 levels"),
            "{said}"
        );
    }
    for strange in [
        Value::default(),
        Kind::NumberValue(f64::NAN).into(),
        Kind::NumberValue(f64::INFINITY).into(),
    ] {
        let said = said(holding(strange)).expect_err("no JSON");
        assert!(said.ends_with("numbers finite"), "{said}");
    }
}
