//! Connections to the server: how they are made, and what is asked through one.

use std::{
    collections::HashMap,
    fmt,
    future::Future,
    path::{Path, PathBuf},
    pin::Pin,
    sync::Arc,
    task::Poll,
    time::Duration,
};

use deadpool::managed::{Manager, Metrics, RecycleError, RecycleResult};
use futures_util::future::{MaybeDone, maybe_done};
use parking_lot::Mutex;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use rustls_platform_verifier::BuilderVerifierExt;
use tokio::time::Instant;
use tokio_postgres::{
    CancelToken, Client, Config, Row, RowStream, Statement,
    config::{Host, TargetSessionAttrs},
    error::SqlState,
    types::{ToSql, Type},
};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{PostgresOptions, statement::writes_no_table_twice};
use crate::error::{Cause, Error, Result};

/// What a TLS connection to the server is made with. Whether there is one, the URL says (`sslmode`); if there is one, the
/// server's certificate is checked, its name included.
#[derive(Clone, Debug, Default)]
pub struct Tls {
    /// Certificates that the server's must lead to, as PEM; those of the platform if absent.
    pub ca: Option<PathBuf>,
    /// A certificate of ours and its key, as PEM, for servers that ask for one.
    pub client: Option<(PathBuf, PathBuf)>,
}

/// Why a URL or a file beside it cannot be used. Never holds a password.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(String);

impl PostgresOptions {
    /// Which database this is, for people: its name and its hosts, never a password.
    pub fn place(&self) -> String {
        let Ok(config) = self.url.parse::<Config>() else {
            return "a database".to_owned();
        };
        let ports = config.get_ports();
        let hosts = config.get_hosts().iter().enumerate().map(|(n, host)| match host {
            Host::Tcp(name) => match ports.get(n).or(ports.first()) {
                Some(port) => format!("{name}:{port}"),
                None => name.clone(),
            },
            Host::Unix(path) => path.display().to_string(),
        });
        let hosts: Vec<String> = hosts.collect();
        let name = config.get_dbname().or(config.get_user()).unwrap_or("its default");
        format!("database {name} at {}", hosts.join(", "))
    }

    /// Whether a store could be opened with these, as far as that can be told without asking the server.
    pub fn check(&self) -> Result<(), Unreadable> {
        Source::read(self).map(drop)
    }
}

/// What is wrong with a URL, without any part of it but the name of an option.
fn unreadable(error: &tokio_postgres::Error) -> Unreadable {
    let cause = std::error::Error::source(error)
        .map(ToString::to_string)
        .unwrap_or_default();
    let about_option = ["invalid value for option", "unknown option"];
    if !about_option.iter().any(|start| cause.starts_with(start)) {
        return Unreadable(format!("no such form of a database URL; {FORM}"));
    }
    let way_out = if cause.contains("ssl") {
        "write sslmode=require, which verifies the server and its name, and name the certificate authority in database.ca_file"
    } else {
        FORM
    };
    Unreadable(format!("no such form of a database URL, {cause}; {way_out}"))
}

const FORM: &str = "write postgres://user:password@host:5432/database";

/// Where connections come from.
pub(super) struct Source {
    config: Config,
    /// When it was last said in the log that the server lets nobody in.
    told: Mutex<Option<Instant>>,
    tls: MakeRustlsConnect,
    pooled: bool,
    /// How long a server may take to let us in, or to answer when it is asked whether it is there.
    pub(super) patience: Duration,
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Source(..)")
    }
}

impl Source {
    pub(super) fn new(options: &PostgresOptions) -> Result<Self> {
        Self::read(options).map_err(|e| Error::Unusable(e.to_string()))
    }

    fn read(options: &PostgresOptions) -> Result<Self, Unreadable> {
        let mut config: Config = options.url.parse().map_err(|e| unreadable(&e))?;
        config
            .connect_timeout(options.patience)
            .tcp_user_timeout(Duration::from_secs(10))
            .keepalives_idle(Duration::from_secs(10))
            .keepalives_interval(Duration::from_secs(3))
            .keepalives_retries(3)
            .target_session_attrs(TargetSessionAttrs::ReadWrite);
        if config.get_application_name().is_none() {
            config.application_name("merlon");
        }
        Ok(Self {
            config,
            told: Mutex::default(),
            tls: MakeRustlsConnect::new(tls(&options.tls)?),
            pooled: options.pooled,
            patience: options.patience,
        })
    }

    /// A new connection. A server that is not there is [`Error::Unavailable`]; one that has no connection left for us is
    /// [`Error::Overloaded`], one that refuses us for good [`Error::Unusable`].
    pub(super) async fn connect(&self) -> Result<Link> {
        let connecting = tokio::time::timeout(self.patience, self.config.connect(self.tls.clone()));
        let (client, connection) = connecting
            .await
            .map_err(|_| Error::Unavailable)?
            .map_err(|error| self.refused(error))?;
        // It ends with its client. What broke it, whoever uses the client hears.
        tokio::spawn(async move { drop(connection.await) });
        let link = Link {
            client,
            tls: self.tls.clone(),
            pooled: self.pooled,
            prepared: Mutex::default(),
        };
        let planned = tokio::time::timeout(self.patience, link.set(FOR_ANY_SIZE));
        planned.await.map_err(|_| Error::Unavailable)?;
        Ok(link)
    }
}

/// How statements are planned that are prepared once and asked for long: once, and by indexes, whatever size the tables have now. What is
/// planned while a table is empty reads it from one end to the other, and goes on doing so when it has grown. What has to go through a
/// table all the same looks so dear to the planner then that it would be compiled for a tenth of a second before each run (`jit`).
pub(super) const FOR_ANY_SIZE: &str = "SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET jit = off; SET plan_cache_mode = force_generic_plan";
/// How a search is planned, each time anew.
pub(super) const FOR_THIS_SIZE: &str =
    "RESET enable_seqscan; RESET enable_hashjoin; RESET enable_mergejoin; RESET plan_cache_mode";

impl Link {
    /// Sets what holds for the connection, unless a pooler stands between and it is not ours. A server that does not know these
    /// settings does as it likes.
    pub(super) async fn set(&self, settings: &'static str) {
        if !self.pooled {
            drop(self.command(settings).await);
        }
    }

    pub(super) fn is_pooled(&self) -> bool {
        self.pooled
    }
}

fn tls(tls: &Tls) -> Result<ClientConfig, Unreadable> {
    let bad = |what: &str, e: &dyn fmt::Display| Unreadable(format!("TLS to the database: {what}: {e}"));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| bad("versions", &e))?;
    let builder = match &tls.ca {
        None => builder
            .with_platform_verifier()
            .map_err(|e| bad("certificates of the platform", &e))?,
        Some(path) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates(path)? {
                roots
                    .add(certificate)
                    .map_err(|e| bad("the certificate authority", &e))?;
            }
            builder.with_root_certificates(roots)
        }
    };
    match &tls.client {
        None => Ok(builder.with_no_client_auth()),
        Some((chain, key)) => {
            let key = PrivateKeyDer::from_pem_file(key).map_err(|e| bad("the client's key", &e))?;
            builder
                .with_client_auth_cert(certificates(chain)?, key)
                .map_err(|e| bad("the client's certificate", &e))
        }
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Unreadable> {
    let unreadable = |e: rustls_pki_types::pem::Error| Unreadable(format!("{}: {e}", path.display()));
    CertificateDer::pem_file_iter(path)
        .map_err(unreadable)?
        .collect::<Result<_, _>>()
        .map_err(unreadable)
}

impl Source {
    /// What a failed attempt to connect means.
    fn refused(&self, error: tokio_postgres::Error) -> Error {
        let class = error
            .code()
            .and_then(|code| code.code().get(..2))
            .unwrap_or_default();
        // Wrong password, no such role, no such database, no right to it, a setting that somebody between us does not pass on.
        if matches!(class, "28" | "3D" | "42") || error.code() == Some(&SqlState::PROTOCOL_VIOLATION) {
            return Error::Unusable(format!("the database refuses us: {}", Cause::from(error)));
        }
        if error.to_string().contains("TLS") {
            return Error::Unusable(
                "no TLS connection to the database: give its certificate authority (database.ca_file), or write sslmode=disable \
                 into the URL where the network is trusted"
                    .into(),
            );
        }
        let is_full = class == "53";
        self.tell(&error);
        if is_full {
            Error::Overloaded
        } else {
            Error::Unavailable
        }
    }

    /// Says why nobody is let in, once in a while. What is said while connecting holds no value of a row.
    fn tell(&self, error: &tokio_postgres::Error) {
        let mut told = self.told.lock();
        if told.is_some_and(|told| told.elapsed() < SAY_AGAIN) {
            return;
        }
        *told = Some(Instant::now());
        let cause = std::error::Error::source(error)
            .map(ToString::to_string)
            .unwrap_or_default();
        tracing::warn!(%error, cause, "the database does not let us in");
    }
}

/// How often it is said that nobody is let in.
const SAY_AGAIN: Duration = Duration::from_mins(1);

/// Names what was being done when the server or the connection failed.
pub(super) fn failed(doing: &'static str) -> impl FnOnce(tokio_postgres::Error) -> Error {
    move |error| {
        if is_lost(&error) {
            tracing::debug!(doing, cause = %Cause::from(error), "a connection to the database broke");
            Error::Unavailable
        } else {
            Error::while_doing(doing)(error)
        }
    }
}

/// Whether the connection, or the server behind it, is gone or about to go.
pub(super) fn is_lost(error: &tokio_postgres::Error) -> bool {
    let Some(code) = error.code() else {
        return error.is_closed() || error.as_db_error().is_none();
    };
    let class = code.code().get(..2);
    class == Some("08")
        || class == Some("53")
        || matches!(
            *code,
            SqlState::ADMIN_SHUTDOWN
                | SqlState::CRASH_SHUTDOWN
                | SqlState::CANNOT_CONNECT_NOW
                | SqlState::READ_ONLY_SQL_TRANSACTION
                | SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT
        )
}

/// A connection and the statements that are prepared on it.
pub(super) struct Link {
    client: Client,
    tls: MakeRustlsConnect,
    pooled: bool,
    prepared: Mutex<HashMap<Box<str>, Statement>>,
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Link(..)")
    }
}

/// A statement that can be sent without waiting for anything.
pub(super) enum Ready<'a> {
    Prepared(Statement),
    /// Parsed whenever it is sent, with the types of its values.
    Text(&'a str),
}

/// A value and the type that it has where nothing is prepared.
pub(super) type Bound<'a> = (&'a (dyn ToSql + Sync), Type);

pub(super) type Answer<T> = Result<T, tokio_postgres::Error>;

impl Link {
    pub(super) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Prepares a statement unless that was done before.
    pub(super) async fn ready<'a>(&self, sql: &'a str) -> Result<Ready<'a>> {
        debug_assert!(writes_no_table_twice(sql), "{sql}");
        if self.pooled {
            return Ok(Ready::Text(sql));
        }
        if let Some(known) = self.prepared.lock().get(sql) {
            return Ok(Ready::Prepared(known.clone()));
        }
        let statement = (self.client.prepare(sql).await).map_err(failed("preparing a statement"))?;
        self.prepared.lock().insert(sql.into(), statement.clone());
        Ok(Ready::Prepared(statement))
    }

    /// Sends a query; its rows.
    pub(super) async fn ask(&self, statement: &Ready<'_>, params: &[Bound<'_>]) -> Answer<Vec<Row>> {
        match statement {
            Ready::Prepared(prepared) => {
                let values: Vec<&(dyn ToSql + Sync)> = params.iter().map(|(value, _)| *value).collect();
                self.client.query(prepared, &values).await
            }
            Ready::Text(sql) => self.client.query_typed(sql, params).await,
        }
    }

    /// Sends a query that is asked once; its rows as they come, and no more of them than are taken.
    pub(super) async fn stream(&self, sql: &str, params: Vec<Bound<'_>>) -> Answer<RowStream> {
        self.client.query_typed_raw(sql, params).await
    }

    /// Sends a statement; how many rows it touched.
    pub(super) async fn tell(&self, statement: &Ready<'_>, params: &[Bound<'_>]) -> Answer<u64> {
        match statement {
            Ready::Prepared(prepared) => {
                let values: Vec<&(dyn ToSql + Sync)> = params.iter().map(|(value, _)| *value).collect();
                self.client.execute(prepared, &values).await
            }
            Ready::Text(sql) => self.client.execute_typed(sql, params).await,
        }
    }

    /// As [`Self::ask`], with what a failure means.
    pub(super) async fn rows(&self, statement: &Ready<'_>, params: &[Bound<'_>]) -> Result<Vec<Row>> {
        self.ask(statement, params).await.map_err(failed("reading"))
    }

    /// Statements of this program without values, several if need be.
    pub(super) async fn command(&self, sql: &str) -> Answer<()> {
        self.client.batch_execute(sql).await
    }

    /// Sends a command without waiting for its answer.
    pub(super) fn command_aside(&self, sql: &str) {
        let mut sending = Box::pin(self.client.batch_execute(sql));
        let mut nobody = std::task::Context::from_waker(std::task::Waker::noop());
        let _ = sending.as_mut().poll(&mut nobody);
    }

    /// Ends what the connection is busy with when it is dropped, unless told [otherwise](GivenUp::not).
    pub(super) fn unless_given_up(&self) -> GivenUp {
        GivenUp(Some((self.client.cancel_token(), self.tls.clone())))
    }
}

/// Ends a query that nobody waits for any more.
pub(super) struct GivenUp(Option<(CancelToken, MakeRustlsConnect)>);

impl GivenUp {
    pub(super) fn not(mut self) {
        self.0 = None;
    }
}

impl Drop for GivenUp {
    fn drop(&mut self) {
        let (Some((query, tls)), Ok(runtime)) = (self.0.take(), tokio::runtime::Handle::try_current()) else {
            return;
        };
        runtime.spawn(async move { drop(query.cancel_query(tls).await) });
    }
}

/// Something that is sent when it is first looked at, and its answer.
pub(super) type Sending<'a, T> = Pin<Box<dyn Future<Output = Answer<T>> + Send + 'a>>;

/// Sends all in this order before it waits for the answer of any.
pub(super) async fn in_one_go<T>(all: Vec<Sending<'_, T>>) -> Vec<Answer<T>> {
    let mut all: Vec<MaybeDone<Sending<'_, T>>> = all.into_iter().map(maybe_done).collect();
    std::future::poll_fn(|context| {
        let mut waits = false;
        for one in &mut all {
            waits |= Pin::new(one).poll(context).is_pending();
        }
        if waits { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
    let answers = all.iter_mut().filter_map(|one| Pin::new(one).take_output());
    answers.collect()
}

/// Makes the connections of the readers' pool.
#[derive(Debug)]
pub(super) struct Links(pub(super) Arc<Source>);

impl Manager for Links {
    type Type = Link;
    type Error = Error;

    async fn create(&self) -> Result<Link> {
        self.0.connect().await
    }

    async fn recycle(&self, link: &mut Link, _: &Metrics) -> RecycleResult<Error> {
        if link.is_closed() {
            return Err(RecycleError::message("the connection is closed"));
        }
        Ok(())
    }
}
