//! Section `database`: a PostgreSQL server instead of the embedded database.

use std::path::PathBuf;

use store::{PostgresOptions, PostgresTls};

use super::key::{Form, Key};
use super::reader::Reader;

pub(super) const URL: Key = Key::unset(
    "database.url",
    Form::Secret,
    "`postgres://user:password@host:5432/database`: everything is kept there instead of in the data directory, and any number of \
     servers may share it, all with one master key. Several hosts with commas between them are tried in turn until one takes \
     writes; `?host=/directory` names a socket, `?sslmode=disable`, `prefer` or `require` whether TLS is spoken.",
);
pub(super) const URL_FILE: Key = Key::unset(
    "database.url_file",
    Form::Text("path of a file"),
    "A file that holds the URL instead.",
);
const CA_FILE: Key = Key::unset(
    "database.ca_file",
    Form::Text("path of a PEM file"),
    "Certificate authority of the database server; without it those of the platform are trusted. Where TLS is spoken the \
     server's certificate is always checked.",
);
const CERTIFICATE_FILE: Key = Key::unset(
    "database.certificate_file",
    Form::Text("path of a PEM file"),
    "Client certificate, where the server asks for one. Needs `database.key_file`.",
);
const KEY_FILE: Key = Key::unset(
    "database.key_file",
    Form::Text("path of a PEM file"),
    "Private key of the client certificate.",
);
const POOLER: Key = Key::new(
    "database.pooler",
    Form::Choice(&["none", "transaction"]),
    "none",
    "`transaction` when a pooler stands between that hands out a server connection for one transaction only, such as PgBouncer in \
     that mode: statements are then not kept prepared.",
);
const READERS: Key = Key::new(
    "database.readers",
    Form::Count(2, 1_000),
    "16",
    "Connections of this server that read, at most. A quarter of them, and at least one, is shared by all requests for single look-ups, \
     which travel one behind the other; the others serve one view or search each.",
);
const WRITERS: Key = Key::new(
    "database.writers",
    Form::Count(1, 64),
    "4",
    "Connections of this server that write, at most. Each commits whatever gathered while its last commit ran, and they are used one \
     after the other as batches grow.",
);

const TIMEOUT: Key = Key::new(
    "database.timeout",
    Form::Time(1, 60),
    "3s",
    "Time for the server to let us in, or to answer when it is asked whether it is there, until requests are turned away, those that \
     wait already included; where it does answer, a commit may take three times as long.",
);

pub(super) const KEYS: &[&Key] = &[
    &URL,
    &URL_FILE,
    &CA_FILE,
    &CERTIFICATE_FILE,
    &KEY_FILE,
    &POOLER,
    &READERS,
    &WRITERS,
    &TIMEOUT,
];

/// The database server; `Debug` shows no password.
#[derive(Clone, Debug)]
pub struct Database {
    /// How to reach it.
    pub options: PostgresOptions,
}

impl Database {
    #[expect(
        clippy::option_option,
        reason = "a problem and an absent section are different answers"
    )]
    pub(super) fn read(reader: &mut Reader) -> Option<Option<Self>> {
        let Some(url) = reader.secret_or_file(&URL, &URL_FILE)? else {
            return unused(reader);
        };
        let options = PostgresOptions {
            url: url.reveal().trim().to_owned(),
            tls: PostgresTls {
                ca: reader.path(&CA_FILE)?,
                client: client(reader)?,
            },
            readers: reader.count(&READERS).and_then(|count| count.try_into().ok())?,
            lanes: reader.count(&WRITERS).and_then(|count| count.try_into().ok())?,
            patience: reader.time(&TIMEOUT)?,
            pooled: reader.choice(&POOLER, &[false, true])?,
        };
        match options.check() {
            Ok(()) => Some(Some(Self { options })),
            Err(error) => reader.refuse(&URL, error.to_string()),
        }
    }
}

/// Without a URL nothing else in the section has a meaning, and a forgotten URL should be noticed at start.
#[expect(
    clippy::option_option,
    reason = "a problem and an absent section are different answers"
)]
fn unused(reader: &mut Reader) -> Option<Option<Database>> {
    let written = KEYS.iter().find(|key| reader.is_written(key));
    match written {
        None => Some(None),
        Some(key) => reader.refuse(key, "has no meaning without database.url; set it".to_owned()),
    }
}

#[expect(
    clippy::option_option,
    reason = "a problem and an absent certificate are different answers"
)]
fn client(reader: &mut Reader) -> Option<Option<(PathBuf, PathBuf)>> {
    match (reader.path(&CERTIFICATE_FILE)?, reader.path(&KEY_FILE)?) {
        (Some(certificate), Some(key)) => Some(Some((certificate, key))),
        (None, None) => Some(None),
        (Some(_), None) => reader.refuse(
            &KEY_FILE,
            "is needed with database.certificate_file; set it".to_owned(),
        ),
        (None, Some(_)) => reader.refuse(
            &CERTIFICATE_FILE,
            "is needed with database.key_file; set it".to_owned(),
        ),
    }
}
