//! Section `tls`: the certificate the listener shows.

use std::path::PathBuf;

use super::key::{Form, Key};
use super::reader::Reader;

const CERTIFICATE_FILE: Key = Key::unset(
    "tls.certificate_file",
    Form::Text("path of a PEM file"),
    "Certificate chain, the server's own certificate first. Needs `tls.key_file`. Both are read again every minute: a renewed pair needs no restart.",
);
const KEY_FILE: Key = Key::unset(
    "tls.key_file",
    Form::Text("path of a PEM file"),
    "Private key of the certificate (PKCS#8, PKCS#1 or SEC1).",
);

pub(super) const KEYS: &[&Key] = &[&CERTIFICATE_FILE, &KEY_FILE];

/// Certificate and key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// PEM file with the chain.
    pub certificate_file: PathBuf,
    /// PEM file with the key.
    pub key_file: PathBuf,
}

impl Tls {
    #[expect(
        clippy::option_option,
        reason = "a problem and an absent section are different answers"
    )]
    pub(super) fn read(reader: &mut Reader) -> Option<Option<Self>> {
        match (reader.path(&CERTIFICATE_FILE)?, reader.path(&KEY_FILE)?) {
            (Some(certificate_file), Some(key_file)) => Some(Some(Self {
                certificate_file,
                key_file,
            })),
            (None, None) => Some(None),
            (Some(_), None) => reader.refuse(
                &KEY_FILE,
                "is needed with tls.certificate_file; set it".to_owned(),
            ),
            (None, Some(_)) => reader.refuse(
                &CERTIFICATE_FILE,
                "is needed with tls.key_file; set it".to_owned(),
            ),
        }
    }
}
