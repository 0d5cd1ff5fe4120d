//! Passwords in the clear, for the short time between an entry and its hash: the rules for new ones, hashing and
//! comparing on threads of their own, and the formats that hashes made elsewhere come in.

mod affix;
mod digest;
mod encoded;
mod memory;
mod pool;
mod rules;

use argon2::{Algorithm, Argon2, Params, Version};
use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use unicode_normalization::{UnicodeNormalization, is_nfc};
use zeroize::Zeroize;

pub use encoded::{Encoded, HashFault};
pub use pool::{PasswordPool, PoolOptions};
pub use rules::{CharacterKind, MOST_CHARACTERS, PasswordFault, PasswordRules};

use self::memory::Memory;
use crate::{
    ctx::Ctx,
    error::{Error, Result},
    secret::Secret,
};

/// Memory of one hash in KiB, passes and lanes: the OWASP parameters for Argon2id.
const MEMORY: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;
const SALT_LENGTH: usize = 16;
const HASH_LENGTH: usize = 32;

/// Shorter names in a host, such as `id` and `com`, say little of a service.
const LEAST_NAME: usize = 4;

/// What is to become somebody's password.
#[derive(Clone, Debug)]
pub enum NewSecret {
    /// The password itself.
    Plain(Secret),
    /// A hash of it that was made elsewhere.
    Encoded(Secret),
}

/// What the fields of a new password are called on the wire.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fields {
    pub plain: &'static str,
    pub encoded: &'static str,
}

/// The encoded hash to keep of a new password. One in the clear has to keep the rules, with `words` that only this user
/// is guessed with; it is hashed with Argon2id (RFC 9106) on the pool. One that was hashed elsewhere has to be readable.
/// Fails naming the field, or when the pool is too busy.
pub(crate) async fn encode(ctx: &Ctx, fields: Fields, new: &NewSecret, words: Vec<String>) -> Result<Secret> {
    let plain = match new {
        NewSecret::Plain(plain) => composed(plain),
        NewSecret::Encoded(encoded) => {
            let parsed = Encoded::parse(encoded.reveal());
            return match parsed {
                Ok(_) => Ok(encoded.clone()),
                Err(fault) => Err(Error::invalid(fields.encoded, fault)),
            };
        }
    };
    let rules = ctx.policy.password.clone();
    let invalid = |fault: PasswordFault| Error::invalid(fields.plain, fault);
    rules.shape(&plain).map_err(invalid)?;
    let salt = salt(ctx);
    let words = words.into_iter().chain(words_of_service(ctx)).collect::<Vec<_>>();
    let work = move |memory: &mut Memory| {
        if rules.is_common(&plain, &words) {
            return Err(PasswordFault::Common);
        }
        Ok(argon2id(&plain, &salt, memory))
    };
    let hashed = ctx.passwords.run(work).await;
    let hashed = hashed.map_err(|undone| undone.at(ctx.now()))?;
    hashed.map_err(invalid)?.ok_or(Error::Hashing)
}

/// Words that users of this service are guessed with (NIST SP 800-63B-4 §3.1.1.2): its host, and the names in it.
fn words_of_service(ctx: &Ctx) -> impl Iterator<Item = String> {
    let host = &ctx.policy.public_host;
    let names = host.split('.').filter(|name| name.len() >= LEAST_NAME);
    names.chain([host.as_str()]).map(str::to_owned)
}

/// Hashes a password that was accepted before anew, whatever the rules are now.
pub(crate) async fn rehash(ctx: &Ctx, password: &Secret) -> Result<Secret> {
    let (plain, salt) = (composed(password), salt(ctx));
    let work = move |memory: &mut Memory| argon2id(&plain, &salt, memory);
    let hashed = ctx.passwords.run(work).await;
    hashed
        .map_err(|undone| undone.at(ctx.now()))?
        .ok_or(Error::Hashing)
}

fn salt(ctx: &Ctx) -> [u8; SALT_LENGTH] {
    let mut salt = [0; SALT_LENGTH];
    ctx.entropy.fill(&mut salt);
    salt
}

fn argon2id(password: &Secret, salt: &[u8], memory: &mut Memory) -> Option<Secret> {
    let params = Params::new(MEMORY, PASSES, LANES, Some(HASH_LENGTH)).ok()?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let mut out = [0; HASH_LENGTH];
    if !memory.derive(&argon2, password.reveal().as_bytes(), salt, &mut out) {
        return None;
    }
    let (salt, hash) = (STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(out));
    out.zeroize();
    Some(Secret::new(format!("{}{salt}${hash}", own_kind())))
}

/// How a hash of ours begins.
fn own_kind() -> String {
    format!("$argon2id$v=19$m={MEMORY},t={PASSES},p={LANES}$")
}

/// Whether a hash was made in another way than new ones are.
pub(crate) fn is_of_old_kind(encoded: &Secret) -> bool {
    !encoded.reveal().starts_with(&own_kind())
}

/// Whether an entry is the password of a hash; compared on the pool. Fails when the pool is too busy.
pub(crate) async fn matches(ctx: &Ctx, hash: Encoded, entered: &Secret) -> Result<bool> {
    let entered = entered.clone();
    let work = move |memory: &mut Memory| matches_either(&hash, &entered, memory);
    let compared = ctx.passwords.run(work).await;
    compared.map_err(|undone| undone.at(ctx.now()))
}

/// Hashes of ours are made of the composed form, those made elsewhere of what was typed there.
fn matches_either(hash: &Encoded, entered: &Secret, memory: &mut Memory) -> bool {
    let typed = entered.reveal();
    hash.matches(typed.as_bytes(), memory)
        || (!is_nfc(typed) && hash.matches(composed(entered).reveal().as_bytes(), memory))
}

/// One form for what keyboards write in two: composed characters (NFC, NIST SP 800-63B-4 §3.1.1.2).
fn composed(password: &Secret) -> Secret {
    Secret::new(password.reveal().nfc().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_hash_is_argon2id_and_verifies_however_the_keyboard_composes() {
        let typed = Secret::new("Gru\u{308}n und laut".into());
        let mut memory = Memory::default();
        let hash = argon2id(&composed(&typed), b"0123456789abcdef", &mut memory).unwrap();
        assert!(hash.reveal().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(!is_of_old_kind(&hash));
        let parsed = || Encoded::parse(hash.reveal()).unwrap();
        let mut is = |typed: &str| matches_either(&parsed(), &Secret::new(typed.into()), &mut memory);
        assert!(is("Gru\u{308}n und laut") && is("Gr\u{fc}n und laut"));
        assert!(!is("Grun und laut"));
    }

    #[test]
    fn hashes_of_other_measures_are_of_an_old_kind() {
        for encoded in [
            "$argon2id$v=19$m=19456,t=1,p=1$c2FsdHNhbHQ$AAAA",
            "$argon2i$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$AAAA",
            "$2b$12$",
        ] {
            assert!(is_of_old_kind(&Secret::new(encoded.into())), "{encoded}");
        }
    }
}
