//! The user schema services: what both generations have in common.

mod generation_2024;
mod generation_resources;

use app::{
    Error,
    error::Invalid,
    schema::{Filter, Leaf, NewSchema, SchemaPatch},
};
use domain::{
    base::SchemaId,
    user_schema::{Authenticator, TypeName},
};
use proto::wkt;

fn id(text: &str) -> app::Result<SchemaId> {
    SchemaId::parse(text).map_err(|_| Error::invalid("id", Invalid::Id))
}

fn type_name(text: &str) -> app::Result<TypeName> {
    TypeName::parse(text).map_err(|reason| Error::invalid("type", reason))
}

/// The numbers are the same in both generations.
fn authenticators(numbers: &[i32]) -> app::Result<Vec<Authenticator>> {
    let one = |number: &i32| {
        let found = Authenticator::ALL.iter().find(|a| number_of(**a) == *number);
        found
            .copied()
            .ok_or(Error::invalid("possible_authenticators", Invalid::Authenticator))
    };
    numbers.iter().map(one).collect()
}

const fn number_of(authenticator: Authenticator) -> i32 {
    match authenticator {
        Authenticator::Username => 1,
        Authenticator::Password => 2,
        Authenticator::Webauthn => 3,
        Authenticator::Totp => 4,
        Authenticator::OtpEmail => 5,
        Authenticator::OtpSms => 6,
        Authenticator::AuthenticationKey => 7,
        Authenticator::IdentityProvider => 8,
    }
}

fn numbers_of(authenticators: &[Authenticator]) -> Vec<i32> {
    authenticators.iter().map(|a| number_of(*a)).collect()
}

fn new_schema(name: &str, schema: Option<wkt::Struct>, numbers: &[i32]) -> app::Result<NewSchema> {
    Ok(NewSchema {
        type_name: type_name(name)?,
        schema: schema.ok_or(Error::invalid("schema", Invalid::Missing))?.into(),
        authenticators: authenticators(numbers)?,
    })
}

fn schema_patch(
    name: Option<&str>,
    schema: Option<wkt::Struct>,
    numbers: &[i32],
) -> app::Result<SchemaPatch> {
    Ok(SchemaPatch {
        type_name: name.map(type_name).transpose()?,
        schema: schema.map(Into::into),
        authenticators: authenticators(numbers)?,
    })
}

/// 1 is active and 2 inactive in both generations; no schema is in the state that is not said.
fn state_filter(state: i32) -> Filter<Leaf> {
    Filter::Leaf(match state {
        1 => Leaf::Active(true),
        2 => Leaf::Active(false),
        _ => Leaf::Never,
    })
}
