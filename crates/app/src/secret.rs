//! Keys, codes, seals and tokens. The readable code exists only in an answer or sealed on its way; what is kept is a keyed
//! hash bound to user, purpose and destination.

use std::fmt;

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    digest, hkdf, hmac,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::{
    base::{IdpId, InstanceId, IntentId, TokenId, UserId},
    code::Digest,
    user::Destination,
};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::{ctx::Entropy, policy::CodePolicy};

/// A text that must not be seen: no `Debug`, erased from memory when dropped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Secret(String);

impl Secret {
    /// Hides a text.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// Shows the text, for the one place that needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// The key that all others are derived from: 32 random bytes.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct MasterKey(pub [u8; 32]);

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(..)")
    }
}

/// What a code is for; codes of one purpose never fit another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Verifying the contact phone or e-mail.
    Contact,
    /// Verifying the destination of an OTP factor.
    OtpRegistration,
    /// Showing to have the secret of a new TOTP factor.
    TotpRegistration,
    /// Registering a passkey by a link.
    RegistrationLink,
    /// Showing to know the password.
    PasswordCheck,
    /// Setting a password without knowing the old one.
    PasswordReset,
}

impl Purpose {
    const fn name(self) -> &'static str {
        match self {
            Self::Contact => "contact",
            Self::OtpRegistration => "otp-registration",
            Self::TotpRegistration => "totp-registration",
            Self::RegistrationLink => "registration-link",
            Self::PasswordCheck => "password-check",
            Self::PasswordReset => "password-reset",
        }
    }
}

/// Why the keys cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the cryptographic library refused: {0}")]
pub struct KeyError(&'static str);

/// Keys derived from the master key (HKDF-SHA-256, RFC 5869), one for each use.
pub struct Keys {
    codes: hmac::Key,
    subjects: hmac::Key,
    check: hmac::Key,
    seal: LessSafeKey,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys(..)")
    }
}

impl Keys {
    /// Derives all keys.
    pub fn derive(master: &MasterKey) -> Result<Self, KeyError> {
        let root = hkdf::Salt::new(hkdf::HKDF_SHA256, b"merlon").extract(&master.0);
        let derive = |name: &str| -> Result<[u8; 32], KeyError> {
            let mut key = [0; 32];
            let info = [name.as_bytes()];
            let okm = root
                .expand(&info, hkdf::HKDF_SHA256)
                .map_err(|_| KeyError("expand"))?;
            okm.fill(&mut key).map_err(|_| KeyError("fill"))?;
            Ok(key)
        };
        let hmac = |key: [u8; 32]| hmac::Key::new(hmac::HMAC_SHA256, &key);
        let seal = UnboundKey::new(&AES_256_GCM, &derive("seal")?).map_err(|_| KeyError("seal"))?;
        Ok(Self {
            codes: hmac(derive("codes")?),
            subjects: hmac(derive("subjects")?),
            check: hmac(derive("check")?),
            seal: LessSafeKey::new(seal),
        })
    }

    /// A value by which a store recognizes its master key, and that tells nothing about it.
    pub fn check_value(&self) -> Vec<u8> {
        hmac::sign(&self.check, b"merlon master key").as_ref().to_vec()
    }

    /// Keyed hash of a code as it was entered: case, spaces and dashes do not matter. Bound to user, purpose and
    /// destination, so that a code fits nowhere else. Answers the hash and the characters that counted.
    pub fn code_digest(&self, subject: &Subject, entered: &str) -> (Digest, usize) {
        let mut plain = normalize(entered);
        let mut context = hmac::Context::with_key(&self.codes);
        context.update(&subject.0);
        context.update(plain.as_bytes());
        let length = plain.chars().count();
        plain.zeroize();
        let mut digest = [0; 32];
        digest.copy_from_slice(context.sign().as_ref());
        (Digest(digest), length)
    }

    /// Keyed hash of user, purpose and destination: what a guess is counted against.
    pub fn subject(
        &self,
        instance: &InstanceId,
        user: &UserId,
        purpose: Purpose,
        destination: Option<&Destination>,
    ) -> Subject {
        let destination = destination.map(Destination::canonical).unwrap_or_default();
        Subject(self.hash(&[
            "guess",
            instance.as_str(),
            user.as_str(),
            purpose.name(),
            &destination,
        ]))
    }

    /// Keyed hash of a destination, whoever uses it: what a send is counted against and the inbox finds by.
    pub fn destination(&self, instance: &InstanceId, canonical: &str) -> Subject {
        Subject(self.hash(&["destination", instance.as_str(), canonical]))
    }

    /// Keyed hash of a secret of a sign-in elsewhere: its state or its token, which are no two of a kind.
    pub fn intent_digest(
        &self,
        kind: &str,
        instance: &InstanceId,
        intent: &IntentId,
        secret: &Secret,
    ) -> Digest {
        Digest(self.hash(&[
            "idp-intent",
            kind,
            instance.as_str(),
            intent.as_str(),
            secret.reveal(),
        ]))
    }

    /// Keyed hash of a name at a directory, in the form that counts: what guesses there are counted against.
    pub fn directory_subject(&self, instance: &InstanceId, idp: &IdpId, name: &str) -> Subject {
        Subject(self.hash(&["directory", instance.as_str(), idp.as_str(), name]))
    }

    /// Keyed hash of a user: what sends are counted against.
    pub fn sender(&self, instance: &InstanceId, user: &UserId) -> Subject {
        Subject(self.hash(&["sender", instance.as_str(), user.as_str()]))
    }

    /// Keyed hash of a user that authenticators keep: it stands for the user and tells nothing about them.
    pub fn handle(&self, instance: &InstanceId, user: &UserId) -> Subject {
        Subject(self.hash(&["handle", instance.as_str(), user.as_str()]))
    }

    /// Parts are length-prefixed, so that no two lists of parts look alike.
    fn hash(&self, parts: &[&str]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.subjects);
        for part in parts {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part.as_bytes());
        }
        let mut hash = [0; 32];
        hash.copy_from_slice(context.sign().as_ref());
        hash
    }

    /// Encrypts so that it opens only with the same `place` (AES-256-GCM, random nonce in front).
    pub fn seal(&self, entropy: &dyn Entropy, place: &str, plain: &[u8]) -> Vec<u8> {
        let mut nonce = [0; 12];
        entropy.fill(&mut nonce);
        let mut sealed = plain.to_vec();
        let aad = Aad::from(place.as_bytes());
        let nonce_bytes = nonce;
        if self
            .seal
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut sealed)
            .is_err()
        {
            // Only a plain text of more than 64 GiB fails; what cannot be sealed is not kept.
            sealed.zeroize();
        }
        [&nonce_bytes[..], &sealed].concat()
    }

    /// Opens what [`Self::seal`] made for the same `place`; nothing for anything else.
    pub fn open(&self, place: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, cipher) = sealed.split_at_checked(12)?;
        let mut cipher = cipher.to_vec();
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let length = self
            .seal
            .open_in_place(nonce, Aad::from(place.as_bytes()), &mut cipher)
            .ok()?
            .len();
        cipher.truncate(length);
        Some(cipher)
    }
}

/// A keyed hash that stands for something personal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject(pub [u8; 32]);

fn normalize(entered: &str) -> String {
    let counts = |c: &char| !c.is_whitespace() && !matches!(c, '-' | '\u{2010}'..='\u{2015}');
    entered
        .chars()
        .filter(counts)
        .map(|c| c.to_ascii_uppercase())
        .collect()
}

/// Draws a code uniformly: bytes that would favour some characters are thrown away.
pub fn one_time_code(entropy: &dyn Entropy, policy: &CodePolicy) -> Secret {
    let alphabet = policy.alphabet.as_bytes();
    let fair = 256 - 256 % alphabet.len();
    let mut code = String::with_capacity(policy.length.into());
    let mut bytes = [0; 16];
    while code.len() < usize::from(policy.length) {
        entropy.fill(&mut bytes);
        let drawn = bytes.iter().map(|b| usize::from(*b)).filter(|b| *b < fair);
        let missing = usize::from(policy.length) - code.len();
        code.extend(
            drawn
                .take(missing)
                .map(|b| char::from(alphabet[b % alphabet.len()])),
        );
    }
    bytes.zeroize();
    Secret::new(code)
}

/// First byte of a personal access token.
const PAT: u8 = 1;
const PAT_LENGTH: usize = 1 + 8 + 32;

/// Makes a personal access token: kind, id and 32 random bytes, as base64url. Only its digest is kept.
pub fn new_token(entropy: &dyn Entropy, id: u64) -> (TokenId, Secret, Digest) {
    let mut bytes = [0; PAT_LENGTH];
    bytes[0] = PAT;
    bytes[1..9].copy_from_slice(&id.to_be_bytes());
    entropy.fill(&mut bytes[9..]);
    let digest = sha256(&bytes);
    let token = Secret::new(URL_SAFE_NO_PAD.encode(bytes));
    bytes.zeroize();
    (TokenId::from_trusted(&id.to_string()), token, digest)
}

/// Reads a token's id and digest. Every other spelling of the same bytes is refused.
pub fn read_token(token: &str) -> Option<(TokenId, Digest)> {
    let mut bytes = [0; PAT_LENGTH + 2];
    let length = URL_SAFE_NO_PAD.decode_slice(token, &mut bytes).ok()?;
    if length != PAT_LENGTH || bytes[0] != PAT {
        return None;
    }
    let id = u64::from_be_bytes(bytes[1..9].try_into().ok()?);
    let digest = sha256(&bytes[..length]);
    bytes.zeroize();
    Some((TokenId::from_trusted(&id.to_string()), digest))
}

/// Whether two digests are equal, in the same time wherever they differ.
pub fn same_digest(a: &Digest, b: &Digest) -> bool {
    a.0.ct_eq(&b.0).into()
}

fn sha256(bytes: &[u8]) -> Digest {
    let mut out = [0; 32];
    out.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    Digest(out)
}
