//! WebAuthn registration (Level 3, §7.1): what a browser is asked, and whether what it answered holds. Around the library that
//! verifies attestations; nothing of the library is kept, so that another one could take its place.

use std::{collections::BTreeMap, time::Duration};

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::URL_SAFE_NO_PAD},
};
use domain::user::{Challenge, Credential, PublicKey};
use serde::Deserialize;
use serde_cbor_2::Value as Cbor;
use serde_json::{Map, Value, json};
use url::{Host, Url};
use webauthn_rs_core::{
    WebauthnCore,
    error::WebauthnError,
    proto::{
        AuthenticatorAttestationResponseRaw, COSEKey, COSEKeyType, ECDSACurve, RegisterPublicKeyCredential,
        RegistrationExtensionsClientOutputs, RegistrationState,
    },
};

use crate::error::{Error, Result, StoreError};

/// Bytes of a challenge; the specification asks for 16 at least.
pub const CHALLENGE_LENGTH: usize = 32;

/// Longest credential id (§5.8.3), in bytes.
const LONGEST_ID: usize = 1023;

/// Signature algorithms by their COSE numbers, the preferred one first, and the library's names for them.
const ALGORITHMS: [(i32, &str); 3] = [(-7, "ES256"), (-35, "ES384"), (-257, "RS256")];

/// The most transport hints that are kept, and the longest.
const TRANSPORTS: usize = 8;
const LONGEST_TRANSPORT: usize = 32;

/// Browsers write base64url without padding; who pads it is understood too.
const BASE64URL: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Pages that may register and use passkeys: decided by the operator, never by what a browser says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WebOrigins {
    /// Origins, each with its scheme, host and port.
    pub exact: Vec<Url>,
    /// Also `localhost` on any port: a server that has no public address is on a developer's own machine.
    pub localhost: bool,
}

/// Which authenticators may answer (authenticator attachment, §5.4.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attachment {
    /// One that is built into the device.
    Platform,
    /// One that moves between devices.
    CrossPlatform,
}

/// Why an answer of a browser is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnswerFault {
    /// A part is missing or is not what it should be.
    #[error("it is missing or malformed")]
    Malformed,
    /// It is no registration of a public key.
    #[error("it is no registration")]
    Kind,
    /// It answers another challenge.
    #[error("it answers another challenge")]
    Challenge,
    /// It comes from a page that is not one of ours.
    #[error("it comes from a foreign origin")]
    Origin,
    /// It is for another domain.
    #[error("it is for another domain")]
    Domain,
    /// Nobody touched the authenticator.
    #[error("nobody was present")]
    Presence,
    /// A kind of key that was not asked for.
    #[error("the key is of a kind that was not offered")]
    Algorithm,
    /// What the authenticator says about itself does not hold.
    #[error("the attestation does not hold")]
    Attestation,
}

/// A domain that keys are made for, with the pages that may use them (relying party, §4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelyingParty {
    id: String,
    origins: Vec<Url>,
    any_port: bool,
}

impl RelyingParty {
    /// The relying party of a domain: the host of a configured origin, or a registrable suffix of it (HTML, "is a registrable
    /// domain suffix of or is equal to"). Nothing for any other, for addresses, and for public suffixes such as `co.uk`.
    pub fn of(origins: &WebOrigins, domain: &str) -> Option<Self> {
        let Ok(Host::Domain(id)) = Host::parse(domain) else {
            return None;
        };
        if origins.localhost && id == "localhost" {
            let any = ["http://localhost", "https://localhost"];
            return Some(Self {
                id,
                origins: any.iter().filter_map(|o| Url::parse(o).ok()).collect(),
                any_port: true,
            });
        }
        let covered = |origin: &&Url| origin.domain().is_some_and(|host| covers(&id, host));
        let origins: Vec<Url> = origins.exact.iter().filter(covered).cloned().collect();
        let known = !origins.is_empty();
        known.then_some(Self {
            id,
            origins,
            any_port: false,
        })
    }

    /// The domain, in the one form that authenticators hash.
    pub fn id(&self) -> &str {
        &self.id
    }
}

fn covers(id: &str, host: &str) -> bool {
    let below = || host.strip_suffix(id).is_some_and(|rest| rest.ends_with('.'));
    host == id || (below() && psl::suffix_str(id) != Some(id))
}

/// Whom a key is made for, as the browser's dialog and the authenticator show it.
#[derive(Clone, Copy, Debug)]
pub struct KeyHolder<'a> {
    /// Bytes that stand for the user and tell nothing about them (user handle, §5.4.3).
    pub handle: &'a [u8],
    /// The name to sign in with.
    pub name: &'a str,
    /// What the site calls itself.
    pub site: &'a str,
}

/// The options for `navigator.credentials.create` (§5.4); binary values are base64url without padding.
pub fn creation_options<'a>(
    party: &RelyingParty,
    holder: &KeyHolder<'_>,
    challenge: &Challenge,
    attachment: Option<Attachment>,
    known: impl Iterator<Item = &'a Credential>,
    timeout: Duration,
) -> Map<String, Value> {
    let params = ALGORITHMS.map(|(alg, _)| json!({"type": "public-key", "alg": alg}));
    let exclude: Vec<Value> = known.map(descriptor).collect();
    let mut selection = json!({
        "residentKey": "preferred", "requireResidentKey": false, "userVerification": "preferred",
    });
    if let Some(attachment) = attachment {
        selection["authenticatorAttachment"] = match attachment {
            Attachment::Platform => "platform".into(),
            Attachment::CrossPlatform => "cross-platform".into(),
        };
    }
    let options = json!({
        "rp": {"id": party.id, "name": holder.site},
        "user": {"id": URL_SAFE_NO_PAD.encode(holder.handle), "name": holder.name, "displayName": holder.name},
        "challenge": challenge.as_str(),
        "pubKeyCredParams": params,
        "timeout": u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX),
        "excludeCredentials": exclude,
        "authenticatorSelection": selection,
        "attestation": "none",
    });
    Map::from_iter([("publicKey".to_owned(), options)])
}

fn descriptor(credential: &Credential) -> Value {
    let mut descriptor = json!({"type": "public-key", "id": &*credential.id});
    if !credential.transports.is_empty() {
        descriptor["transports"] = credential.transports.clone().into();
    }
    descriptor
}

/// Checks what `navigator.credentials.create` answered to this challenge (§7.1) and takes the credential out of it.
pub fn registered(
    party: &RelyingParty,
    challenge: &Challenge,
    answer: &Map<String, Value>,
) -> Result<Credential> {
    let answer = Answer::read(answer)?;
    answer.check_origin()?;
    let core = WebauthnCore::new_unsafe_experts_only(
        &party.id,
        &party.id,
        party.origins.clone(),
        Duration::ZERO,
        Some(false),
        Some(party.any_port),
    );
    let verified = core
        .register_credential(&answer.raw, &expectation(challenge)?, None)
        .map_err(|error| fault(&error))?;
    if verified.cred_id.len() > LONGEST_ID || verified.cred_id.is_empty() {
        return Err(malformed(ATTESTATION));
    }
    if answer.raw.raw_id != verified.cred_id {
        return Err(malformed(ID));
    }
    if !is_whole(&answer.raw.response.attestation_object) {
        return Err(malformed(ATTESTATION));
    }
    Ok(Credential {
        id: URL_SAFE_NO_PAD.encode(&verified.cred_id).into(),
        key: public_key(&verified.cred)?,
        sign_count: verified.counter,
        user_verified: verified.user_verified,
        backup_eligible: verified.backup_eligible,
        backed_up: verified.backup_state,
        transports: answer.transports,
    })
}

/// Whether the authenticator data (§6.1) end with the credential's key, or with the extensions that their flags speak of, each an item of
/// CBOR. The library does not look at what follows.
fn is_whole(attestation: &[u8]) -> bool {
    const FLAGS: usize = 32;
    const EXTENSIONS: u8 = 1 << 7;
    const ID_LENGTH: usize = 53;
    let whole = || {
        let parts: BTreeMap<String, Cbor> = serde_cbor_2::from_slice(attestation).ok()?;
        let Cbor::Bytes(data) = parts.get("authData")? else {
            return None;
        };
        let (length, credential) = data.get(ID_LENGTH..)?.split_first_chunk()?;
        let items = credential.get(usize::from(u16::from_be_bytes(*length))..)?;
        let expected = if data[FLAGS] & EXTENSIONS == 0 { 1 } else { 2 };
        let found = serde_cbor_2::Deserializer::from_slice(items).into_iter::<Cbor>();
        let found: Vec<_> = found.take(expected + 1).collect();
        Some(found.len() == expected && found.iter().all(Result::is_ok))
    };
    whole().unwrap_or_default()
}

/// What the library is to expect. Its type can only be made together with a challenge of its own dice; ours are handed in,
/// so it is read from its written form. The library's version is pinned, and every test of a registration comes by here.
fn expectation(challenge: &Challenge) -> Result<RegistrationState> {
    let written = json!({
        "policy": "preferred",
        "exclude_credentials": [],
        "challenge": challenge.as_str(),
        "credential_algorithms": ALGORITHMS.map(|(_, name)| name),
        "require_resident_key": false,
        "authenticator_attachment": null,
        "extensions": {},
        "allow_synchronised_authenticators": true,
    });
    serde_json::from_value(written).map_err(|error| {
        Error::Store(StoreError::Corrupt {
            place: "webauthn_factor.challenge",
            reason: error.to_string(),
        })
    })
}

fn public_key(key: &COSEKey) -> Result<PublicKey> {
    let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let alg = key.type_ as i32;
    match &key.key {
        COSEKeyType::EC_EC2(key) => Ok(PublicKey::Ec2 {
            alg,
            crv: curve(&key.curve),
            x: text(&key.x),
            y: text(&key.y),
        }),
        COSEKeyType::RSA(key) => Ok(PublicKey::Rsa {
            alg,
            n: text(&key.n),
            e: text(&key.e),
        }),
        COSEKeyType::EC_OKP(_) => Err(Error::invalid(ATTESTATION, AnswerFault::Algorithm)),
    }
}

/// The number of a curve in the COSE registry (RFC 9053 §7.1).
fn curve(curve: &ECDSACurve) -> i32 {
    match curve {
        ECDSACurve::SECP256R1 => 1,
        ECDSACurve::SECP384R1 => 2,
        ECDSACurve::SECP521R1 => 3,
    }
}

const WHOLE: &str = "public_key_credential";
const ID: &str = "public_key_credential.id";
const RAW_ID: &str = "public_key_credential.rawId";
const TYPE: &str = "public_key_credential.type";
const RESPONSE: &str = "public_key_credential.response";
const CLIENT_DATA: &str = "public_key_credential.response.clientDataJSON";
const ATTESTATION: &str = "public_key_credential.response.attestationObject";

fn malformed(field: &'static str) -> Error {
    Error::invalid(field, AnswerFault::Malformed)
}

/// What a browser answered (`RegistrationResponseJSON`, §5.1), read so far that each fault can be named.
struct Answer {
    raw: RegisterPublicKeyCredential,
    transports: Vec<String>,
}

/// The part of the client data (§5.8.1) that is read here; the library reads it again.
#[derive(Deserialize)]
struct ClientData {
    origin: String,
}

impl Answer {
    fn read(answer: &Map<String, Value>) -> Result<Self> {
        let id = bytes(answer, "id", ID)?;
        if answer.contains_key("rawId") && bytes(answer, "rawId", RAW_ID)? != id {
            return Err(malformed(RAW_ID));
        }
        if text(answer, "type", TYPE)? != "public-key" {
            return Err(Error::invalid(TYPE, AnswerFault::Kind));
        }
        let response = answer.get("response").and_then(Value::as_object);
        let response = response.ok_or(malformed(RESPONSE))?;
        let raw = RegisterPublicKeyCredential {
            id: URL_SAFE_NO_PAD.encode(&id),
            raw_id: id,
            response: AuthenticatorAttestationResponseRaw {
                attestation_object: bytes(response, "attestationObject", ATTESTATION)?,
                client_data_json: bytes(response, "clientDataJSON", CLIENT_DATA)?,
                transports: None,
            },
            type_: "public-key".to_owned(),
            // None was asked for, so none is looked at.
            extensions: RegistrationExtensionsClientOutputs::default(),
        };
        Ok(Self {
            raw,
            transports: transports(response),
        })
    }

    /// An origin is written in one way only (HTML, serialization of an origin); whatever else a URL can hold is foreign.
    fn check_origin(&self) -> Result<()> {
        let client_data: ClientData = serde_json::from_slice(&self.raw.response.client_data_json)
            .map_err(|_| malformed(CLIENT_DATA))?;
        let written = Url::parse(&client_data.origin).map(|url| url.origin().ascii_serialization());
        match written {
            Ok(written) if written == client_data.origin => Ok(()),
            _ => Err(Error::invalid(CLIENT_DATA, AnswerFault::Origin)),
        }
    }
}

fn text<'a>(map: &'a Map<String, Value>, name: &str, field: &'static str) -> Result<&'a str> {
    map.get(name).and_then(Value::as_str).ok_or(malformed(field))
}

fn bytes(map: &Map<String, Value>, name: &str, field: &'static str) -> Result<Vec<u8>> {
    let bytes = BASE64URL.decode(text(map, name, field)?).unwrap_or_default();
    if bytes.is_empty() {
        return Err(malformed(field));
    }
    Ok(bytes)
}

/// Hints for later dialogs; what is none is left out, for it decides nothing.
fn transports(response: &Map<String, Value>) -> Vec<String> {
    let sound = |hint: &&str| {
        let known = |b: u8| b.is_ascii_lowercase() || b == b'-';
        !hint.is_empty() && hint.len() <= LONGEST_TRANSPORT && hint.bytes().all(known)
    };
    let listed = response.get("transports").and_then(Value::as_array);
    let hints = listed.into_iter().flatten().filter_map(Value::as_str);
    hints.filter(sound).take(TRANSPORTS).map(str::to_owned).collect()
}

/// What the library found, as the caller is told.
fn fault(error: &WebauthnError) -> Error {
    let (field, reason) = match error {
        WebauthnError::InvalidClientDataType => (CLIENT_DATA, AnswerFault::Kind),
        WebauthnError::MismatchedChallenge => (CLIENT_DATA, AnswerFault::Challenge),
        WebauthnError::InvalidRPOrigin | WebauthnError::CredentialCrossOrigin => {
            (CLIENT_DATA, AnswerFault::Origin)
        }
        WebauthnError::ParseJSONFailure(_) => (CLIENT_DATA, AnswerFault::Malformed),
        WebauthnError::InvalidRPIDHash => (ATTESTATION, AnswerFault::Domain),
        WebauthnError::UserNotPresent => (ATTESTATION, AnswerFault::Presence),
        WebauthnError::CredentialAlteredAlgFromRequest
        | WebauthnError::COSEKeyInvalidType
        | WebauthnError::COSEKeyInvalidAlgorithm
        | WebauthnError::SshPublicKeyEDUnsupported => (ATTESTATION, AnswerFault::Algorithm),
        WebauthnError::ParseBase64Failure(_) => (WHOLE, AnswerFault::Malformed),
        WebauthnError::ParseCBORFailure(_)
        | WebauthnError::ParseNOMFailure
        | WebauthnError::ParseInsufficientBytesAvailable
        | WebauthnError::MissingAttestationCredentialData
        | WebauthnError::CredentialMayNotBeHardwareBound
        | WebauthnError::COSEKeyInvalidCBORValue
        | WebauthnError::COSEKeyECDSAXYInvalid
        | WebauthnError::COSEKeyRSANEInvalid
        | WebauthnError::EcdsaPointInvalid
        | WebauthnError::RsaParametersInvalid => (ATTESTATION, AnswerFault::Malformed),
        _ => (ATTESTATION, AnswerFault::Attestation),
    };
    Error::invalid(field, reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn party(domain: &str) -> Option<RelyingParty> {
        let urls = [
            "https://id.example.co.uk",
            "https://app.example.com:8443",
            "https://192.0.2.1",
            "https://user.github.io",
        ];
        let exact = urls.map(|url| Url::parse(url).unwrap()).to_vec();
        RelyingParty::of(
            &WebOrigins {
                exact,
                localhost: false,
            },
            domain,
        )
    }

    #[test]
    fn a_domain_is_a_configured_host_or_what_it_is_registered_under() {
        assert_eq!(party("id.example.co.uk").unwrap().origins.len(), 1);
        assert_eq!(party("Example.CO.uk").unwrap().id(), "example.co.uk");
        assert_eq!(party("example.com").unwrap().origins[0].port(), Some(8443));
        for foreign in [
            "co.uk",
            "uk",
            "com",
            "ample.com",
            "other.example.com",
            "app.example.com.",
            "github.io",
            "192.0.2.1",
            "[::1]",
            "localhost",
            "https://app.example.com",
            "app.example.com:8443",
            "",
        ] {
            assert_eq!(party(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn a_server_without_a_public_address_serves_localhost_on_any_port() {
        let origins = WebOrigins {
            exact: Vec::new(),
            localhost: true,
        };
        assert!(RelyingParty::of(&origins, "localhost").unwrap().any_port);
        assert_eq!(RelyingParty::of(&origins, "127.0.0.1"), None);
        assert_eq!(RelyingParty::of(&origins, "example.com"), None);
    }

    #[test]
    fn only_what_looks_like_a_transport_is_kept() {
        let response = json!({"transports": ["usb", 7, "smart-card", "<b>", "", "x".repeat(33)]});
        assert_eq!(transports(response.as_object().unwrap()), ["usb", "smart-card"]);
    }
}
