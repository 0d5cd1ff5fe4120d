//! The state of a user as the bytes of its row: one protobuf message, whose numbers never change their meaning. What the log
//! says can always be folded into it anew.

use bytes::Bytes;
use domain::{
    access::{Role, Scope},
    base::{CodeId, FactorId, IdpId, OrgId, SchemaId, Timestamp, UsernameId},
    code::{Digest, IssuedCode, Medium},
    user::{
        Challenge, Channel, Contact, Destination, ExternalUser, FactorName, IdpLink, Kind, Membership,
        NameScope, NamedCredential, OtpBinding, OtpFactor, OtpProof, OwnName, Password, PasswordReset,
        Person, RegistrationLink, SchemaRef, SealedSecret, TotpFactor, TotpProof, Username, WebauthnFactor,
        WebauthnProof,
    },
};
use prost::Message;

use crate::{
    commit::json,
    error::{Error, Result},
};

/// Texts are `Bytes`, so that reading copies each of them once, to where it stays.
#[derive(Clone, PartialEq, Message)]
struct PersonBytes {
    #[prost(bytes = "bytes", tag = "1")]
    org: Bytes,
    #[prost(bool, tag = "2")]
    machine: bool,
    #[prost(bool, tag = "3")]
    inactive: bool,
    #[prost(bool, tag = "4")]
    locked: bool,
    #[prost(bytes = "bytes", optional, tag = "5")]
    schema: Option<Bytes>,
    #[prost(uint32, tag = "6")]
    schema_revision: u32,
    /// A JSON object; empty for one without members.
    #[prost(bytes = "bytes", tag = "7")]
    data: Bytes,
    #[prost(message, optional, tag = "8")]
    phone: Option<ContactBytes>,
    #[prost(message, optional, tag = "9")]
    email: Option<ContactBytes>,
    #[prost(message, repeated, tag = "10")]
    otps: Vec<OtpBytes>,
    #[prost(message, repeated, tag = "11")]
    totps: Vec<TotpBytes>,
    #[prost(message, repeated, tag = "12")]
    webauthns: Vec<WebauthnBytes>,
    #[prost(message, optional, tag = "13")]
    webauthn_link: Option<LinkBytes>,
    #[prost(message, optional, tag = "14")]
    password: Option<PasswordBytes>,
    #[prost(message, optional, tag = "15")]
    password_reset: Option<ResetBytes>,
    #[prost(message, repeated, tag = "16")]
    usernames: Vec<UsernameBytes>,
    #[prost(message, repeated, tag = "17")]
    idp_links: Vec<IdpLinkBytes>,
    #[prost(message, repeated, tag = "18")]
    memberships: Vec<MembershipBytes>,
}

#[derive(Clone, PartialEq, Message)]
struct CodeBytes {
    #[prost(bytes = "bytes", tag = "1")]
    digest: Bytes,
    #[prost(uint32, tag = "2")]
    length: u32,
    #[prost(int64, tag = "3")]
    expires: i64,
    #[prost(uint32, tag = "4")]
    tries: u32,
    #[prost(bool, tag = "5")]
    returned: bool,
}

#[derive(Clone, PartialEq, Message)]
struct ContactBytes {
    #[prost(bytes = "bytes", tag = "1")]
    destination: Bytes,
    #[prost(bool, tag = "2")]
    verified: bool,
    #[prost(message, optional, tag = "3")]
    code: Option<CodeBytes>,
}

#[derive(Clone, PartialEq, Message)]
struct OtpBytes {
    #[prost(bytes = "bytes", tag = "1")]
    id: Bytes,
    /// As [`channel_number`] says.
    #[prost(uint32, tag = "2")]
    channel: u32,
    /// Its own; none when it is bound to the contact.
    #[prost(bytes = "bytes", optional, tag = "3")]
    destination: Option<Bytes>,
    /// The code that waits; none once verified.
    #[prost(message, optional, tag = "4")]
    code: Option<CodeBytes>,
    #[prost(int64, tag = "5")]
    added: i64,
}

#[derive(Clone, PartialEq, Message)]
struct TotpBytes {
    #[prost(bytes = "bytes", tag = "1")]
    id: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    secret: Bytes,
    /// While it is pending.
    #[prost(int64, optional, tag = "3")]
    expires: Option<i64>,
    /// Once it is verified.
    #[prost(uint64, tag = "4")]
    last_step: u64,
    #[prost(int64, tag = "5")]
    added: i64,
}

#[derive(Clone, PartialEq, Message)]
struct WebauthnBytes {
    #[prost(bytes = "bytes", tag = "1")]
    id: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    domain: Bytes,
    /// While it is pending, with `expires`.
    #[prost(bytes = "bytes", optional, tag = "3")]
    challenge: Option<Bytes>,
    #[prost(int64, tag = "4")]
    expires: i64,
    /// Once it is verified, with `credential`.
    #[prost(bytes = "bytes", tag = "5")]
    name: Bytes,
    /// As events have it: JSON.
    #[prost(bytes = "bytes", tag = "6")]
    credential: Bytes,
    #[prost(int64, tag = "7")]
    added: i64,
    /// While it is pending.
    #[prost(bool, tag = "8")]
    by_sent_link: bool,
    /// While it is pending.
    #[prost(bool, tag = "9")]
    by_link: bool,
}

#[derive(Clone, PartialEq, Message)]
struct LinkBytes {
    #[prost(bytes = "bytes", tag = "1")]
    id: Bytes,
    #[prost(message, required, tag = "2")]
    code: CodeBytes,
}

#[derive(Clone, PartialEq, Message)]
struct PasswordBytes {
    #[prost(bytes = "bytes", tag = "1")]
    hash: Bytes,
    #[prost(bool, tag = "2")]
    change_required: bool,
    #[prost(int64, tag = "3")]
    changed: i64,
}

#[derive(Clone, PartialEq, Message)]
struct ResetBytes {
    #[prost(message, required, tag = "1")]
    code: CodeBytes,
    /// As [`channel_number`] says; 0 for a code in an answer.
    #[prost(uint32, tag = "2")]
    via: u32,
}

#[derive(Clone, PartialEq, Message)]
struct UsernameBytes {
    #[prost(bytes = "bytes", tag = "1")]
    id: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    name: Bytes,
    #[prost(bytes = "bytes", tag = "3")]
    canonical: Bytes,
    /// Unique in its organization only.
    #[prost(bool, tag = "4")]
    of_org: bool,
    #[prost(int64, tag = "5")]
    added: i64,
}

#[derive(Clone, PartialEq, Message)]
struct IdpLinkBytes {
    #[prost(bytes = "bytes", tag = "1")]
    id: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    idp: Bytes,
    #[prost(bytes = "bytes", tag = "3")]
    external_id: Bytes,
    #[prost(bytes = "bytes", tag = "4")]
    external_name: Bytes,
    #[prost(int64, tag = "5")]
    added: i64,
}

#[derive(Clone, PartialEq, Message)]
struct MembershipBytes {
    /// None for the whole instance.
    #[prost(bytes = "bytes", optional, tag = "1")]
    org: Option<Bytes>,
    #[prost(bytes = "bytes", repeated, tag = "2")]
    roles: Vec<Bytes>,
}

/// A user's state as the bytes of its row.
pub(super) fn encode(person: &Person) -> Vec<u8> {
    PersonBytes {
        org: bytes(person.org.as_str()),
        machine: person.kind == Kind::Machine,
        inactive: !person.active,
        locked: person.locked,
        schema: person.schema.as_ref().map(|schema| bytes(schema.id.as_str())),
        schema_revision: person.schema.as_ref().map_or(0, |schema| schema.revision),
        data: if person.data.is_empty() {
            Bytes::new()
        } else {
            json(&person.data).into()
        },
        phone: person.phone.as_ref().map(of_contact),
        email: person.email.as_ref().map(of_contact),
        otps: person.otps.iter().map(of_otp).collect(),
        totps: person.totps.iter().map(of_totp).collect(),
        webauthns: person.webauthns.iter().map(of_webauthn).collect(),
        webauthn_link: person.webauthn_link.as_ref().map(|link| LinkBytes {
            id: bytes(link.id.as_str()),
            code: of_code(&link.code),
        }),
        password: person.password.as_ref().map(|password| PasswordBytes {
            hash: bytes(password.hash.as_str()),
            change_required: password.change_required,
            changed: password.changed.0,
        }),
        password_reset: person.password_reset.as_ref().map(|reset| ResetBytes {
            code: of_code(&reset.code),
            via: reset.via.map_or(0, channel_number),
        }),
        usernames: person.usernames.iter().map(of_username).collect(),
        idp_links: person.idp_links.iter().map(of_idp_link).collect(),
        memberships: person.memberships.iter().map(of_membership).collect(),
    }
    .encode_to_vec()
}

/// A user's state out of the bytes of its row.
pub(super) fn decode(state: Bytes) -> Result<Person> {
    let read = PersonBytes::decode(state).map_err(corrupt)?;
    let schema = read.schema.as_ref().map(|id| {
        Ok::<_, Error>(SchemaRef {
            id: SchemaId::from_trusted(text(id)?),
            revision: read.schema_revision,
        })
    });
    Ok(Person {
        org: OrgId::from_trusted(text(&read.org)?),
        kind: if read.machine { Kind::Machine } else { Kind::Human },
        active: !read.inactive,
        locked: read.locked,
        schema: schema.transpose()?,
        data: if read.data.is_empty() {
            serde_json::Map::new()
        } else {
            serde_json::from_slice(&read.data).map_err(corrupt)?
        },
        phone: optional(read.phone, |c| to_contact(Channel::Sms, &c))?,
        email: optional(read.email, |c| to_contact(Channel::Email, &c))?,
        otps: list(&read.otps, to_otp)?,
        totps: list(&read.totps, to_totp)?,
        webauthns: list(&read.webauthns, to_webauthn)?,
        webauthn_link: optional(read.webauthn_link, |link| {
            Ok(RegistrationLink {
                id: CodeId::from_trusted(text(&link.id)?),
                code: to_code(&link.code)?,
            })
        })?,
        password: optional(read.password, |password| {
            Ok(Password {
                hash: SealedSecret::new(text(&password.hash)?),
                change_required: password.change_required,
                changed: Timestamp(password.changed),
            })
        })?,
        password_reset: optional(read.password_reset, |reset| {
            Ok(PasswordReset {
                code: to_code(&reset.code)?,
                via: (reset.via != 0).then(|| to_channel(reset.via)).transpose()?,
            })
        })?,
        usernames: list(&read.usernames, to_username)?,
        idp_links: list(&read.idp_links, to_idp_link)?,
        memberships: list(&read.memberships, to_membership)?,
    })
}

fn corrupt(what: impl std::fmt::Display) -> Error {
    Error::corrupt("stream.state", what)
}

fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

fn text(bytes: &Bytes) -> Result<&str> {
    std::str::from_utf8(bytes).map_err(corrupt)
}

fn optional<F, T>(from: Option<F>, to: impl FnOnce(F) -> Result<T>) -> Result<Option<T>> {
    from.map(to).transpose()
}

fn list<F, T>(from: &[F], to: impl Fn(&F) -> Result<T>) -> Result<Vec<T>> {
    from.iter().map(to).collect()
}

fn channel_number(channel: Channel) -> u32 {
    match channel {
        Channel::Sms => 1,
        Channel::Email => 2,
    }
}

fn to_channel(number: u32) -> Result<Channel> {
    match number {
        1 => Ok(Channel::Sms),
        2 => Ok(Channel::Email),
        _ => Err(corrupt("an unknown channel")),
    }
}

fn of_code(code: &IssuedCode) -> CodeBytes {
    CodeBytes {
        digest: Bytes::copy_from_slice(&code.digest.0),
        length: code.length.into(),
        expires: code.expires.0,
        tries: code.tries.into(),
        returned: code.medium == Medium::Returned,
    }
}

fn to_code(code: &CodeBytes) -> Result<IssuedCode> {
    Ok(IssuedCode {
        digest: Digest(code.digest.as_ref().try_into().map_err(corrupt)?),
        length: u8::try_from(code.length).map_err(corrupt)?,
        expires: Timestamp(code.expires),
        tries: u8::try_from(code.tries).map_err(corrupt)?,
        medium: if code.returned {
            Medium::Returned
        } else {
            Medium::Sent
        },
    })
}

fn of_contact(contact: &Contact) -> ContactBytes {
    ContactBytes {
        destination: bytes(contact.destination.as_str()),
        verified: contact.verified,
        code: contact.code.as_ref().map(of_code),
    }
}

fn to_contact(channel: Channel, contact: &ContactBytes) -> Result<Contact> {
    Ok(Contact {
        destination: Destination::from_trusted(channel, text(&contact.destination)?),
        verified: contact.verified,
        code: optional(contact.code.as_ref(), to_code)?,
    })
}

fn of_otp(factor: &OtpFactor) -> OtpBytes {
    OtpBytes {
        id: bytes(factor.id.as_str()),
        channel: channel_number(factor.channel),
        destination: match &factor.binding {
            OtpBinding::Own(destination) => Some(bytes(destination.as_str())),
            OtpBinding::Contact => None,
        },
        code: match &factor.proof {
            OtpProof::Pending(code) => Some(of_code(code)),
            OtpProof::Verified => None,
        },
        added: factor.added.0,
    }
}

fn to_otp(factor: &OtpBytes) -> Result<OtpFactor> {
    let channel = to_channel(factor.channel)?;
    let own = optional(factor.destination.as_ref(), |own| {
        Ok(Destination::from_trusted(channel, text(own)?))
    })?;
    let code = optional(factor.code.as_ref(), to_code)?;
    Ok(OtpFactor {
        id: FactorId::from_trusted(text(&factor.id)?),
        channel,
        binding: own.map_or(OtpBinding::Contact, OtpBinding::Own),
        proof: code.map_or(OtpProof::Verified, OtpProof::Pending),
        added: Timestamp(factor.added),
    })
}

fn of_totp(factor: &TotpFactor) -> TotpBytes {
    let (expires, last_step) = match factor.proof {
        TotpProof::Pending { expires } => (Some(expires.0), 0),
        TotpProof::Verified { last_step } => (None, last_step),
    };
    TotpBytes {
        id: bytes(factor.id.as_str()),
        secret: bytes(factor.secret.as_str()),
        expires,
        last_step,
        added: factor.added.0,
    }
}

fn to_totp(factor: &TotpBytes) -> Result<TotpFactor> {
    let last_step = factor.last_step;
    let pending = factor.expires.map(|at| TotpProof::Pending {
        expires: Timestamp(at),
    });
    Ok(TotpFactor {
        id: FactorId::from_trusted(text(&factor.id)?),
        secret: SealedSecret::new(text(&factor.secret)?),
        proof: pending.unwrap_or(TotpProof::Verified { last_step }),
        added: Timestamp(factor.added),
    })
}

fn of_webauthn(factor: &WebauthnFactor) -> WebauthnBytes {
    let mut all = WebauthnBytes {
        id: bytes(factor.id.as_str()),
        domain: bytes(&factor.domain),
        added: factor.added.0,
        ..WebauthnBytes::default()
    };
    match &factor.proof {
        WebauthnProof::Pending {
            challenge,
            expires,
            by_sent_link,
            by_link,
        } => {
            all.challenge = Some(bytes(challenge.as_str()));
            all.expires = expires.0;
            all.by_sent_link = *by_sent_link;
            all.by_link = *by_link;
        }
        WebauthnProof::Verified(named) => {
            all.name = bytes(named.name.as_str());
            all.credential = json(&named.credential).into();
        }
    }
    all
}

fn to_webauthn(factor: &WebauthnBytes) -> Result<WebauthnFactor> {
    let proof = match &factor.challenge {
        Some(challenge) => WebauthnProof::Pending {
            challenge: Challenge::new(text(challenge)?),
            expires: Timestamp(factor.expires),
            by_sent_link: factor.by_sent_link,
            by_link: factor.by_link,
        },
        None => WebauthnProof::Verified(NamedCredential {
            name: FactorName::from_trusted(text(&factor.name)?),
            credential: serde_json::from_slice(&factor.credential).map_err(corrupt)?,
        }),
    };
    Ok(WebauthnFactor {
        id: FactorId::from_trusted(text(&factor.id)?),
        domain: text(&factor.domain)?.into(),
        proof,
        added: Timestamp(factor.added),
    })
}

fn of_username(own: &OwnName) -> UsernameBytes {
    UsernameBytes {
        id: bytes(own.id.as_str()),
        name: bytes(own.name.as_str()),
        canonical: bytes(own.name.canonical()),
        of_org: own.scope == NameScope::Org,
        added: own.added.0,
    }
}

fn to_username(own: &UsernameBytes) -> Result<OwnName> {
    Ok(OwnName {
        id: UsernameId::from_trusted(text(&own.id)?),
        name: Username::from_stored(text(&own.name)?, text(&own.canonical)?),
        scope: if own.of_org {
            NameScope::Org
        } else {
            NameScope::Instance
        },
        added: Timestamp(own.added),
    })
}

fn of_idp_link(link: &IdpLink) -> IdpLinkBytes {
    IdpLinkBytes {
        id: bytes(link.id.as_str()),
        idp: bytes(link.idp.as_str()),
        external_id: bytes(link.user.id()),
        external_name: bytes(link.user.name()),
        added: link.added.0,
    }
}

fn to_idp_link(link: &IdpLinkBytes) -> Result<IdpLink> {
    Ok(IdpLink {
        id: FactorId::from_trusted(text(&link.id)?),
        idp: IdpId::from_trusted(text(&link.idp)?),
        user: ExternalUser::from_trusted(text(&link.external_id)?, text(&link.external_name)?),
        added: Timestamp(link.added),
    })
}

fn of_membership(held: &Membership) -> MembershipBytes {
    MembershipBytes {
        org: match &held.scope {
            Scope::Instance => None,
            Scope::Org(org) => Some(bytes(org.as_str())),
        },
        roles: held.roles.iter().map(|role| bytes(role.name())).collect(),
    }
}

fn to_membership(held: &MembershipBytes) -> Result<Membership> {
    let org = optional(held.org.as_ref(), |org| Ok(OrgId::from_trusted(text(org)?)))?;
    let role = |name: &Bytes| Role::by_name(text(name)?).ok_or_else(|| corrupt("an unknown role"));
    Ok(Membership {
        scope: org.map_or(Scope::Instance, Scope::Org),
        roles: list(&held.roles, role)?,
    })
}

#[cfg(test)]
mod tests {
    use domain::base::Span;
    use domain::user::{Credential, PublicKey};

    use super::*;

    fn code(byte: u8) -> IssuedCode {
        IssuedCode {
            digest: Digest([byte; 32]),
            length: 6,
            expires: Timestamp(1_767_225_600_000_000),
            tries: 5,
            medium: if byte == 1 { Medium::Returned } else { Medium::Sent },
        }
    }

    fn phone(text: &str) -> Destination {
        Destination::from_trusted(Channel::Sms, text)
    }

    fn otp(id: &str, binding: OtpBinding, proof: OtpProof) -> OtpFactor {
        OtpFactor {
            id: FactorId::from_trusted(id),
            channel: Channel::Sms,
            binding,
            proof,
            added: Timestamp(1),
        }
    }

    fn totp(id: &str, proof: TotpProof) -> TotpFactor {
        TotpFactor {
            id: FactorId::from_trusted(id),
            secret: SealedSecret::new("sealed"),
            proof,
            added: Timestamp(2),
        }
    }

    fn key(id: &str, proof: WebauthnProof) -> WebauthnFactor {
        WebauthnFactor {
            id: FactorId::from_trusted(id),
            domain: "id.example.com".into(),
            proof,
            added: Timestamp(3),
        }
    }

    fn name(id: &str, scope: NameScope) -> OwnName {
        OwnName {
            id: UsernameId::from_trusted(id),
            name: Username::from_trusted("Ada"),
            scope,
            added: Timestamp(4),
        }
    }

    fn credential() -> Credential {
        Credential {
            id: "credential".into(),
            key: PublicKey::Ec2 {
                alg: -7,
                crv: 1,
                x: "eA".into(),
                y: "eQ".into(),
            },
            sign_count: 1,
            user_verified: true,
            backup_eligible: true,
            backed_up: false,
            transports: vec!["usb".into()],
        }
    }

    /// Somebody of whom there is everything, in each of its forms.
    fn everything() -> Person {
        let schema = SchemaRef {
            id: SchemaId::from_trusted("schema"),
            revision: 3,
        };
        let data = serde_json::Map::from_iter([("note".to_owned(), "ü".into())]);
        let (org, expires) = (OrgId::from_trusted("org"), Timestamp(7) + Span::seconds(1));
        let begun = WebauthnProof::Pending {
            challenge: Challenge::new("challenge"),
            expires,
            by_sent_link: false,
            by_link: false,
        };
        let named = NamedCredential {
            name: FactorName::from_trusted("key"),
            credential: credential(),
        };
        Person {
            active: false,
            locked: true,
            phone: Some(Contact {
                destination: phone("+41791234567"),
                verified: false,
                code: Some(code(1)),
            }),
            email: Some(Contact {
                destination: Destination::from_trusted(Channel::Email, "Ada@example.com"),
                verified: true,
                code: None,
            }),
            otps: vec![
                otp(
                    "o1",
                    OtpBinding::Own(phone("+41791234568")),
                    OtpProof::Pending(code(2)),
                ),
                otp("o2", OtpBinding::Contact, OtpProof::Verified),
            ],
            totps: vec![
                totp("t1", TotpProof::Pending { expires }),
                totp("t2", TotpProof::Verified { last_step: 0 }),
            ],
            webauthns: vec![key("w1", begun), key("w2", WebauthnProof::Verified(named))],
            webauthn_link: Some(RegistrationLink {
                id: CodeId::from_trusted("link"),
                code: code(3),
            }),
            password: Some(Password {
                hash: SealedSecret::new("hash"),
                change_required: true,
                changed: Timestamp(-5),
            }),
            password_reset: Some(PasswordReset {
                code: code(4),
                via: Some(Channel::Email),
            }),
            usernames: vec![name("n1", NameScope::Instance), name("n2", NameScope::Org)],
            idp_links: vec![IdpLink {
                id: FactorId::from_trusted("l1"),
                idp: IdpId::from_trusted("idp"),
                user: ExternalUser::from_trusted("subject", "Ada L."),
                added: Timestamp(6),
            }],
            memberships: vec![
                Membership {
                    scope: Scope::Instance,
                    roles: vec![Role::IamOwner, Role::IamOwnerViewer],
                },
                Membership {
                    scope: Scope::Org(org.clone()),
                    roles: vec![Role::OrgOwner],
                },
            ],
            ..Person::new(org, Kind::Machine, Some(schema), data)
        }
    }

    #[test]
    fn everything_comes_back_as_it_was() {
        let person = everything();
        assert_eq!(decode(encode(&person).into()).unwrap(), person);
        for (sent, link) in [(true, true), (false, true)] {
            let mut begun = person.clone();
            if let WebauthnProof::Pending {
                by_sent_link,
                by_link,
                ..
            } = &mut begun.webauthns[0].proof
            {
                (*by_sent_link, *by_link) = (sent, link);
            }
            assert_eq!(decode(encode(&begun).into()).unwrap(), begun);
        }
        let new = Person::new(
            OrgId::from_trusted("o"),
            Kind::Human,
            None,
            serde_json::Map::new(),
        );
        assert_eq!(decode(encode(&new).into()).unwrap(), new);
        assert!(encode(&new).len() < 8, "what is not there takes no room");
    }

    /// A row as the first version wrote it, in hexadecimal.
    const FROZEN: &str = include_str!("user_state.golden");

    #[test]
    fn rows_of_earlier_versions_are_read_as_they_were_meant() {
        let digits = FROZEN.trim().as_bytes().chunks(2);
        let byte = |two| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap();
        let row: Vec<u8> = digits.map(byte).collect();
        assert_eq!(decode(row.into()).unwrap(), everything());
    }

    #[test]
    fn broken_rows_are_told_apart_from_absent_ones() {
        for broken in [&b"\xff"[..], b"\x0a\x02\xff\xff", b"\x52\x02\x10\x09"] {
            assert!(matches!(
                decode(Bytes::from_static(broken)),
                Err(Error::Corrupt { .. })
            ));
        }
    }
}
