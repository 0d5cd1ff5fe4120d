//! Configuration: what was written (file, environment, flags) and what it means (one typed tree, one file per section).
//! No globals: [`Settings`] is made once and handed on.

mod codes;
mod cors;
mod data;
mod database;
mod idp;
mod inbox;
mod key;
mod log;
mod master_key;
mod passwords;
mod phone;
mod problem;
mod reader;
mod reference;
mod secret;
mod sends;
mod server;
mod smtp;
mod telemetry;
#[cfg(test)]
mod tests;
mod tls;
mod webhook;
mod written;

use std::path::PathBuf;

use listener::Origins;

pub use self::codes::{CodeRule, Codes};
pub use self::data::Data;
pub use self::database::Database;
pub use self::idp::Idp;
pub use self::inbox::{Access, Capture, Inbox};
pub(crate) use self::key::parse_time;
pub use self::key::{Form, Key};
pub use self::log::{Log, Style};
pub use self::master_key::MasterKey;
pub use self::passwords::Passwords;
pub use self::phone::Phone;
pub use self::problem::{ConfigError, Origin, Problem};
use self::reader::Reader;
pub use self::reference::reference;
pub use self::secret::Secret;
pub use self::sends::Sends;
pub use self::server::Server;
pub use self::smtp::{Security, Smtp};
pub use self::telemetry::Telemetry;
pub use self::tls::Tls;
pub use self::webhook::Webhook;
use self::written::Written;

/// Everything the operator decided, checked and in bounds.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Open for trying out: the inbox needs no sign-in.
    pub dev: bool,
    /// Whether this start makes a further automation user.
    pub new_automation: bool,
    /// Listener and public address.
    pub server: Server,
    /// Certificate; none means cleartext.
    pub tls: Option<Tls>,
    /// Which web pages of other origins may call.
    pub cors: Origins,
    /// Data directory.
    pub data: Data,
    /// A database server instead of the embedded database.
    pub database: Option<Database>,
    /// Key that seals what is stored.
    pub master_key: MasterKey,
    /// E-mail by SMTP.
    pub smtp: Option<Smtp>,
    /// SMS by webhook.
    pub sms_webhook: Option<Webhook>,
    /// E-mail by webhook.
    pub email_webhook: Option<Webhook>,
    /// The built-in inbox.
    pub inbox: Inbox,
    /// Identity providers.
    pub idp: Idp,
    /// One-time codes.
    pub codes: Codes,
    /// Passwords.
    pub passwords: Passwords,
    /// Send limits.
    pub sends: Sends,
    /// Phone numbers.
    pub phone: Phone,
    /// Logs.
    pub log: Log,
    /// Trace export.
    pub telemetry: Telemetry,
}

/// Where settings are taken from; later ones win: file, environment, flags.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// YAML file, if any.
    pub file: Option<PathBuf>,
    /// Environment variables; only those that begin with `MERLON_` are looked at.
    pub environment: Vec<(String, String)>,
    /// Names of environment variables that are not UTF-8.
    pub garbled: Vec<String>,
    /// `--data`.
    pub data: Option<String>,
    /// `--listen`.
    pub listen: Option<String>,
    /// `--dev`.
    pub dev: bool,
    /// `--new-automation-user`.
    pub new_automation: bool,
    /// A database URL and the flag it was given by.
    pub database: Option<(&'static str, Secret)>,
}

impl Settings {
    /// Whether people reach this server by TLS, whoever ends it.
    pub fn is_https(&self) -> bool {
        let external = self.server.external_url.as_ref();
        self.tls.is_some() || external.is_some_and(|url| url.scheme() == "https")
    }

    /// Reads all sources and checks everything; the error lists all that is wrong at once.
    pub fn load(sources: Sources) -> Result<Self, ConfigError> {
        let mut written = Written::default();
        if let Some(file) = &sources.file {
            written.add_file(file);
        }
        written.add_environment(sources.environment);
        written.add_garbled(sources.garbled);
        if let Some(dir) = sources.data {
            written.add_flag("--data", data::DIR.path, dir);
        }
        if let Some(listen) = sources.listen {
            written.add_flag("--listen", server::LISTEN.path, listen);
        }
        if let Some((flag, url)) = sources.database {
            written.add_flag(flag, database::URL.path, url.reveal().to_owned());
            written.forget(&database::URL_FILE);
        }
        let settings = Self::understand(written, sources.dev)?;
        Ok(Self {
            new_automation: sources.new_automation,
            ..settings
        })
    }

    fn understand(written: Written, dev: bool) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(written);
        let settings = Self::read(&mut reader, dev);
        let problems = reader.into_problems();
        match settings {
            Some(settings) if problems.is_empty() => Ok(settings),
            _ => Err(ConfigError(problems)),
        }
    }

    /// Every section is read before the first missing one ends it, so that all problems are found.
    fn read(reader: &mut Reader, dev: bool) -> Option<Self> {
        let (server, tls, cors) = (Server::read(reader), Tls::read(reader), cors::read(reader));
        let (data, master_key) = (Data::read(reader), MasterKey::read(reader));
        let database = Database::read(reader);
        let (smtp, inbox) = (Smtp::read(reader), Inbox::read(reader, dev));
        let sms_webhook = Webhook::read(reader, &webhook::SMS);
        let email_webhook = webhook::read_email(reader);
        let idp = Idp::read(reader);
        let (codes, sends, phone) = (Codes::read(reader), Sends::read(reader), Phone::read(reader));
        let passwords = Passwords::read(reader);
        let (log, telemetry) = (Log::read(reader), Telemetry::read(reader));
        Some(Self {
            dev,
            new_automation: false,
            server: server?,
            tls: tls?,
            cors: cors?,
            data: data?,
            database: database?,
            master_key: master_key?,
            smtp: smtp?,
            sms_webhook: sms_webhook?,
            email_webhook: email_webhook?,
            inbox: inbox?,
            idp: idp?,
            codes: codes?,
            passwords: passwords?,
            sends: sends?,
            phone: phone?,
            log: log?,
            telemetry: telemetry?,
        })
    }
}

/// The sections in the order of the reference page, each with a sentence and its keys.
const SECTIONS: [(&str, &str, &[&Key]); 17] = [
    (
        "server",
        "The listener and the address under which people and programs reach it.",
        server::KEYS,
    ),
    (
        "tls",
        "Without a certificate the server speaks cleartext HTTP/1.1 and HTTP/2.",
        tls::KEYS,
    ),
    (
        "cors",
        "Which web pages of other origins may call the API from a browser.",
        cors::KEYS,
    ),
    ("data", "Where everything is kept.", data::KEYS),
    (
        "database",
        "A PostgreSQL server, for when one machine is not enough.",
        database::KEYS,
    ),
    (
        "master_key",
        "The key that seals secrets at rest. Without one, a key is made in the data directory.",
        master_key::KEYS,
    ),
    ("smtp", "Delivery of e-mail by SMTP.", smtp::KEYS),
    (
        "sms_webhook",
        "Delivery of SMS by an HTTP call to a service of yours.",
        webhook::SMS.keys,
    ),
    (
        "email_webhook",
        "Delivery of e-mail by an HTTP call to a service of yours.",
        webhook::EMAIL.keys,
    ),
    (
        "inbox",
        "The built-in inbox shows messages instead of sending them.",
        inbox::KEYS,
    ),
    ("idp", "How identity providers are reached.", idp::KEYS),
    (
        "codes",
        "One-time codes. No value can mean \"never\" or \"unlimited\".",
        codes::KEYS,
    ),
    (
        "passwords",
        "What new passwords have to be, and how many are worked on at once.",
        passwords::KEYS,
    ),
    (
        "sends",
        "How often something may be sent. No value can mean \"unlimited\".",
        sends::KEYS,
    ),
    ("phone", "How phone numbers are read.", phone::KEYS),
    ("log", "Logs go to standard error.", log::KEYS),
    ("telemetry", "Export of traces.", telemetry::KEYS),
];

/// All keys, section by section.
fn keys() -> impl Iterator<Item = &'static Key> {
    SECTIONS.iter().flat_map(|(_, _, keys)| keys.iter().copied())
}

/// The known name that looks most like a written one.
fn nearest<'a>(written: &str, known: impl Iterator<Item = &'a str>) -> String {
    known
        .min_by_key(|name| strsim::damerau_levenshtein(written, name))
        .unwrap_or_default()
        .to_owned()
}
