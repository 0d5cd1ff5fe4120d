//! A security key whose every byte a test can set: what an honest one would answer, and what a hostile one might.

use aws_lc_rs::{
    digest::{SHA256, digest},
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, KeyPair},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};

/// Somebody was there.
pub const PRESENT: u8 = 1;
/// And proved who.
pub const VERIFIED: u8 = 1 << 2;
/// It may be copied.
pub const BACKUP_ELIGIBLE: u8 = 1 << 3;
/// It was copied.
pub const BACKED_UP: u8 = 1 << 4;
/// A credential is attached.
pub const ATTESTED: u8 = 1 << 6;

/// An answer before it is written (WebAuthn §5.2.1, §6.1); the fields are what an honest key would put there.
#[derive(Clone, Debug)]
pub struct KeyAnswer {
    /// `type` of the credential.
    pub credential_type: String,
    /// `type` of the client data.
    pub client_data_type: String,
    /// The challenge, base64url.
    pub challenge: String,
    /// The page.
    pub origin: String,
    /// Whether the page was inside one of another origin.
    pub cross_origin: bool,
    /// The domain.
    pub rp_id: String,
    /// Flags of the authenticator data.
    pub flags: u8,
    /// Signatures so far.
    pub count: u32,
    /// The credential's id.
    pub id: Vec<u8>,
    /// The id that the browser names, when it is another.
    pub named_id: Option<Vec<u8>>,
    /// The COSE number of the key's algorithm; only -7 is the truth.
    pub alg: i8,
    /// The attestation format: `packed` is signed with the key itself, others have an empty statement.
    pub format: String,
    /// Whether the signature is spoilt.
    pub spoilt: bool,
    /// Whether the point of the key is moved off its curve.
    pub off_curve: bool,
    /// Another public key (a COSE key in CBOR) in place of the key's own.
    pub key: Option<Vec<u8>>,
}

impl KeyAnswer {
    /// What an honest key answers to `options` on a page of `origin`.
    pub fn to(options: &Map<String, Value>, origin: &str) -> Self {
        let text = |pointer: &str| {
            let options = &options["publicKey"];
            options
                .pointer(pointer)
                .and_then(Value::as_str)
                .unwrap()
                .to_owned()
        };
        let challenge = text("/challenge");
        Self {
            credential_type: "public-key".into(),
            client_data_type: "webauthn.create".into(),
            origin: origin.into(),
            cross_origin: false,
            rp_id: text("/rp/id"),
            flags: PRESENT | ATTESTED,
            count: 1,
            id: digest(&SHA256, challenge.as_bytes()).as_ref().to_vec(),
            named_id: None,
            alg: -7,
            format: "packed".into(),
            spoilt: false,
            off_curve: false,
            key: None,
            challenge,
        }
    }

    /// The answer as the JSON of a browser.
    #[expect(
        clippy::disallowed_methods,
        reason = "a key of somebody else's, who has randomness of their own"
    )]
    pub fn json(&self) -> Value {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
        let client_data = json!({
            "type": self.client_data_type, "challenge": self.challenge, "origin": self.origin,
            "crossOrigin": self.cross_origin,
        })
        .to_string();
        let data = self.authenticator_data(key.public_key().as_ref());
        let hash = digest(&SHA256, client_data.as_bytes());
        let signed = [&data, hash.as_ref()].concat();
        let mut signature = key.sign(&SystemRandom::new(), &signed).unwrap().as_ref().to_vec();
        if self.spoilt {
            signature = key
                .sign(&SystemRandom::new(), b"something else")
                .unwrap()
                .as_ref()
                .to_vec();
        }
        let named = URL_SAFE_NO_PAD.encode(self.named_id.as_ref().unwrap_or(&self.id));
        json!({
            "id": named, "rawId": named, "type": self.credential_type,
            "response": {
                "clientDataJSON": URL_SAFE_NO_PAD.encode(client_data),
                "attestationObject": URL_SAFE_NO_PAD.encode(self.attestation(&data, &signature)),
                "transports": ["usb"],
            },
            "clientExtensionResults": {},
        })
    }

    /// Authenticator data (§6.1): hash of the domain, flags, count, credential.
    fn authenticator_data(&self, point: &[u8]) -> Vec<u8> {
        let mut data = digest(&SHA256, self.rp_id.as_bytes()).as_ref().to_vec();
        data.push(self.flags);
        data.extend(self.count.to_be_bytes());
        if self.flags & ATTESTED == 0 {
            return data;
        }
        data.extend([0; 16]);
        data.extend(u16::try_from(self.id.len()).unwrap().to_be_bytes());
        data.extend(&self.id);
        if let Some(key) = &self.key {
            data.extend(key);
            return data;
        }
        let (x, y) = point[1..].split_at(32);
        let mut y = y.to_vec();
        if self.off_curve {
            y[31] ^= 1;
        }
        // A map of five: 1: 2 (EC2), 3: algorithm, -1: 1 (P-256), -2: x, -3: y (RFC 9053 §7.1.1).
        data.extend([0xa5, 0x01, 0x02, 0x03]);
        data.push(0x20 | u8::try_from(-1 - self.alg).unwrap());
        data.extend([0x20, 0x01, 0x21, 0x58, 0x20]);
        data.extend(x);
        data.extend([0x22, 0x58, 0x20]);
        data.extend(y);
        data
    }

    /// The attestation object (§6.5): format, statement, authenticator data.
    fn attestation(&self, data: &[u8], signature: &[u8]) -> Vec<u8> {
        let mut object = vec![0xa3];
        text(&mut object, "fmt");
        text(&mut object, &self.format);
        text(&mut object, "attStmt");
        if self.format == "packed" {
            object.push(0xa2);
            text(&mut object, "alg");
            object.push(0x26);
            text(&mut object, "sig");
            bytes(&mut object, signature);
        } else {
            object.push(0xa0);
        }
        text(&mut object, "authData");
        bytes(&mut object, data);
        object
    }
}

/// A fresh ES384 key in CBOR (RFC 9053 §7.1.1), with its two coordinates.
pub fn p384_key() -> (Vec<u8>, [Vec<u8>; 2]) {
    let key = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_ASN1_SIGNING).unwrap();
    let (x, y) = key.public_key().as_ref()[1..].split_at(48);
    let mut cbor = vec![0xa5, 0x01, 0x02, 0x03, 0x38, 0x22, 0x20, 0x02, 0x21];
    bytes(&mut cbor, x);
    cbor.push(0x22);
    bytes(&mut cbor, y);
    (cbor, [x.to_vec(), y.to_vec()])
}

/// An RS256 key in CBOR (RFC 8230 §4) with this modulus and the exponent 65537.
pub fn rsa_key(modulus: &[u8]) -> Vec<u8> {
    let mut cbor = vec![0xa4, 0x01, 0x03, 0x03, 0x39, 0x01, 0x00, 0x20];
    bytes(&mut cbor, modulus);
    cbor.extend([0x21, 0x43, 0x01, 0x00, 0x01]);
    cbor
}

/// A CBOR text of fewer than 24 bytes (RFC 8949 §3).
fn text(to: &mut Vec<u8>, text: &str) {
    to.push(0x60 | u8::try_from(text.len()).unwrap());
    to.extend(text.as_bytes());
}

/// A CBOR byte string with its length in two bytes.
fn bytes(to: &mut Vec<u8>, bytes: &[u8]) {
    to.push(0x59);
    to.extend(u16::try_from(bytes.len()).unwrap().to_be_bytes());
    to.extend(bytes);
}
