//! The product's ground: the store opened with the right key, what the operator decided in the words of the use cases,
//! and the first start.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use app::Ctx;
use app::bootstrap::{self, Automation, Foundation};
use app::ctx::Channels;
use app::id::IdSource;
use app::password::{PasswordPool, PasswordRules, PoolOptions};
use app::policy::{CLEAR_LETTERS, CodePolicy, DIGITS, Policy};
use app::secret::{Keys, MasterKey};
use app::webauthn::WebOrigins;
use domain::base::Span;
use domain::send::SendLimits;
use federation::{Federation, FederationSettings};
use store::{Store, StoreOptions};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::senses::Senses;
use crate::config::{Capture, CodeRule, Passwords, Settings};
use crate::data_dir::{DataDir, STORE_FILE, TOKEN_FILE};

/// What everything of the product stands on.
#[derive(Debug)]
pub struct Ground {
    /// For every use case.
    pub ctx: Arc<Ctx>,
    /// The instance and its first organization.
    pub foundation: Foundation,
}

/// Opens or makes the store, and lays the foundation where there is none. `stop` is cancelled when the server is about to stop.
pub(super) async fn lay(
    settings: &Settings,
    senses: &Senses,
    (home, port): (&DataDir, u16),
    stop: &CancellationToken,
    master_key: &[u8; 32],
    warnings: &mut Vec<String>,
) -> anyhow::Result<Ground> {
    let keys = Keys::derive(&MasterKey(*master_key)).context("deriving keys from the master key")?;
    let options = match &settings.database {
        None => StoreOptions::Sqlite {
            path: home.join(STORE_FILE),
        },
        Some(database) => StoreOptions::Postgres(database.options.clone()),
    };
    let store = Store::open(&options).await.context("opening the store")?;
    if let Some(time) = store.time() {
        senses.clock.follow(time);
    }
    let ctx = Arc::new(context(settings, senses, port, stop.clone(), (store, keys))?);
    if !bootstrap::check_master_key(&ctx).await? {
        let place = match &settings.database {
            None => home.path().display().to_string(),
            Some(_) => "the database".to_owned(),
        };
        bail!(
            "the data in {place} was sealed with another master key; give the one it was made with (master_key.file, \
             MERLON_MASTER_KEY__VALUE, or master.key in the data directory)"
        );
    }
    let foundation = match bootstrap::existing(&ctx).await? {
        Some(foundation) => {
            if settings.new_automation {
                renew(&ctx, home, &foundation, warnings).await?;
            }
            foundation
        }
        None => first(&ctx, home, warnings).await?,
    };
    if settings.database.is_none() && !home.join(TOKEN_FILE).exists() {
        warnings.push(format!(
            "{} is gone; the commands inbox, token and import need it. Put it back, or start once with --new-automation-user",
            home.join(TOKEN_FILE).display()
        ));
    }
    Ok(Ground { ctx, foundation })
}

/// A first foundation, whose token is in its file before anything is laid. A token that is there already is of another database, or of a
/// start that broke off: it is kept.
async fn first(ctx: &Ctx, home: &DataDir, warnings: &mut Vec<String>) -> anyhow::Result<Foundation> {
    let plan = bootstrap::plan(ctx);
    let kept = home.keep_aside(TOKEN_FILE)?;
    home.write_private(
        TOKEN_FILE,
        format!("{}\n", plan.automation_token().reveal()).as_bytes(),
    )?;
    let laid = bootstrap::lay(ctx, &plan).await;
    match &kept {
        Some(kept) if matches!(laid, Ok(None)) => home.put_back(kept, TOKEN_FILE)?,
        None if matches!(laid, Ok(None)) => home.discard(TOKEN_FILE)?,
        Some(kept) => warnings.push(token_was_kept(home, kept)),
        None => {}
    }
    if let Some(foundation) = laid? {
        return Ok(foundation);
    }
    bootstrap::existing(ctx)
        .await?
        .context("another server laid the foundation, but it is not there")
}

/// A further automation user, whose token is in the file before the user is there.
async fn renew(
    ctx: &Ctx,
    home: &DataDir,
    foundation: &Foundation,
    warnings: &mut Vec<String>,
) -> anyhow::Result<()> {
    let automation = Automation::plan(ctx);
    let kept = home.keep_aside(TOKEN_FILE)?;
    home.write_private(
        TOKEN_FILE,
        format!("{}\n", automation.token().reveal()).as_bytes(),
    )?;
    bootstrap::add_automation(ctx, foundation, &automation).await?;
    let before = kept.map_or_else(String::new, |kept| {
        format!("; the token that was there is kept in {}", kept.display())
    });
    warnings.push(format!(
        "a further automation user was made, and its token is in {}{before}. Tokens of the one before stay valid: delete it if it is not used \
         any more",
        home.join(TOKEN_FILE).display()
    ));
    Ok(())
}

fn token_was_kept(home: &DataDir, kept: &Path) -> String {
    format!(
        "the database was empty, so this was a first start, and {} holds a new token; the one that was there is kept in {}. If the data are \
         elsewhere, stop, check database.url and {STORE_FILE}, and put that token back",
        home.join(TOKEN_FILE).display(),
        kept.display()
    )
}

fn context(
    settings: &Settings,
    senses: &Senses,
    port: u16,
    stopping: CancellationToken,
    (store, keys): (Store, Keys),
) -> anyhow::Result<Ctx> {
    let captured = settings.inbox.capture == Capture::Auto;
    let elsewhere = FederationSettings {
        allow_private: settings.idp.allow_private,
        timeout: settings.idp.timeout,
    };
    let elsewhere =
        Federation::new(elsewhere, senses.clock.clone()).context("preparing calls to identity providers")?;
    Ok(Ctx {
        ids: IdSource::new(store.node_number()),
        store,
        clock: senses.clock.clone(),
        entropy: senses.entropy.clone(),
        keys,
        policy: policy(settings, port),
        channels: Channels {
            sms: captured || settings.sms_webhook.is_some(),
            email: captured || settings.smtp.is_some() || settings.email_webhook.is_some(),
        },
        elsewhere: Arc::new(elsewhere),
        passwords: PasswordPool::new(PoolOptions {
            queue: settings.passwords.queue,
            wait: settings.passwords.wait,
            ..PoolOptions::default()
        }),
        schemas: app::schema::SchemaCache::default(),
        inbox_bell: Notify::new(),
        stopping,
    })
}

/// What the operator decided, in the words of the use cases.
fn policy(settings: &Settings, port: u16) -> Policy {
    Policy {
        phone_code: code_policy(settings.codes.phone, DIGITS),
        email_code: code_policy(settings.codes.email, CLEAR_LETTERS),
        link_code: code_policy(settings.codes.passkey_link, CLEAR_LETTERS),
        reset_code: code_policy(settings.codes.password, CLEAR_LETTERS),
        password: password_rules(&settings.passwords),
        sends: SendLimits {
            gap: span(settings.sends.interval),
            per_hour: settings.sends.destination_hourly,
            per_day: settings.sends.destination_daily,
            user_per_day: settings.sends.user_daily,
        },
        phone_region: settings.phone.default_region.clone(),
        public_host: public_host(settings),
        public_origin: public_origin(settings, port),
        trusted_hosts: trusted_hosts(settings),
        web_origins: web_origins(settings),
    }
}

fn password_rules(passwords: &Passwords) -> PasswordRules {
    PasswordRules {
        least_characters: passwords.least_characters,
        needs: passwords.needs.clone(),
        least_guesses: passwords.least_guesses,
    }
}

/// The configured hosts; on a loopback address also its other names, for links on the developer's own machine.
fn trusted_hosts(settings: &Settings) -> Vec<String> {
    let mut hosts = settings.server.public_hosts.clone();
    if settings.server.external_url.is_none() && settings.server.listen.ip().is_loopback() {
        hosts.extend(["localhost", "127.0.0.1", "[::1]"].map(str::to_owned));
    }
    hosts
}

/// Pages that may register passkeys: those of the external URL and of the public hosts; without an external URL also those of the
/// developer's own machine.
fn web_origins(settings: &Settings) -> WebOrigins {
    let server = &settings.server;
    let further = server.public_hosts.iter();
    let further = further.filter_map(|host| Url::parse(&format!("https://{host}")).ok());
    WebOrigins {
        exact: server.external_url.iter().cloned().chain(further).collect(),
        localhost: server.external_url.is_none() && public_host(settings) == "localhost",
    }
}

fn code_policy(rule: CodeRule, alphabet: &'static str) -> CodePolicy {
    CodePolicy {
        alphabet,
        length: rule.length,
        lifetime: span(rule.lifetime),
        tries: rule.tries,
    }
}

fn span(time: Duration) -> Span {
    Span(i64::try_from(time.as_micros()).unwrap_or(i64::MAX))
}

/// The host that messages speak of: the configured one, or what a browser on this machine would use.
fn public_host(settings: &Settings) -> String {
    let configured = settings
        .server
        .external_url
        .as_ref()
        .and_then(|url| url.host_str());
    match (configured, settings.server.listen.ip()) {
        (Some(host), _) => host.to_owned(),
        (None, ip) if ip.is_loopback() || ip.is_unspecified() => "localhost".to_owned(),
        (None, IpAddr::V4(ip)) => ip.to_string(),
        (None, IpAddr::V6(ip)) => format!("[{ip}]"),
    }
}

/// Where people reach this server: the configured address, or that of the listener, whose port is known by now.
fn public_origin(settings: &Settings, port: u16) -> String {
    if let Some(url) = &settings.server.external_url {
        return url.origin().ascii_serialization();
    }
    let scheme = if settings.tls.is_some() { "https" } else { "http" };
    format!("{scheme}://{}:{port}", public_host(settings))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use testkit::TestCtx;

    use super::*;
    use crate::config::Sources;

    #[tokio::test]
    async fn whoever_is_too_late_to_lay_the_foundation_has_the_token_that_it_had() {
        let (test, dir) = (TestCtx::new().await, tempfile::tempdir().unwrap());
        let home = DataDir::open(dir.path()).unwrap();
        let names = || {
            let entries = fs::read_dir(dir.path()).unwrap();
            let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
            let mut names: Vec<_> = names.filter(|name| name.contains(TOKEN_FILE)).collect();
            names.sort();
            names
        };
        let mut warnings = Vec::new();
        let laid = first(&test.ctx, &home, &mut warnings).await.unwrap();
        assert_eq!(laid.org, test.foundation.org, "that of whoever was faster");
        assert_eq!(names(), Vec::<String>::new());

        home.write_private(TOKEN_FILE, b"of another database\n").unwrap();
        first(&test.ctx, &home, &mut warnings).await.unwrap();
        assert_eq!(names(), [TOKEN_FILE]);
        assert_eq!(
            fs::read_to_string(home.join(TOKEN_FILE)).unwrap(),
            "of another database\n"
        );
        assert_eq!(warnings, Vec::<String>::new());
    }

    #[test]
    fn the_defaults_of_the_configuration_are_those_of_the_use_cases() {
        let settings = Settings::load(Sources::default()).unwrap();
        let here = trusted_hosts(&settings);
        assert_eq!(
            policy(&settings, 8080),
            Policy {
                trusted_hosts: here,
                ..Policy::default()
            }
        );
    }

    #[test]
    fn passkeys_are_registered_on_configured_pages_only() {
        let origins = |variables: &[(&str, &str)]| {
            let environment = variables.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
            let sources = Sources {
                environment: environment.collect(),
                ..Sources::default()
            };
            let WebOrigins { exact, localhost } = web_origins(&Settings::load(sources).unwrap());
            (exact.iter().map(Url::to_string).collect::<Vec<_>>(), localhost)
        };
        assert_eq!(origins(&[]), (Vec::new(), true));
        let public = ("MERLON_SERVER__EXTERNAL_URL", "https://id.example.com:8443");
        let further = ("MERLON_SERVER__PUBLIC_HOSTS", "app.example.com");
        let both = ["https://id.example.com:8443/", "https://app.example.com/"];
        assert_eq!(
            origins(&[public, further]),
            (both.map(str::to_owned).to_vec(), false)
        );
        assert_eq!(
            origins(&[("MERLON_SERVER__LISTEN", "192.0.2.1:80")]),
            (Vec::new(), false)
        );
    }

    #[test]
    fn people_come_back_to_the_external_address() {
        let origin = |variables: &[(&str, &str)]| {
            let environment = variables
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            let sources = Sources {
                environment: environment.collect(),
                ..Sources::default()
            };
            public_origin(&Settings::load(sources).unwrap(), 4711)
        };
        assert_eq!(origin(&[]), "http://localhost:4711");
        assert_eq!(
            origin(&[("MERLON_SERVER__EXTERNAL_URL", "https://id.example.com:8443")]),
            "https://id.example.com:8443"
        );
    }

    #[test]
    fn messages_speak_of_the_external_host() {
        let host = |variable: &str, value: &str| {
            let environment = vec![(variable.to_owned(), value.to_owned())];
            public_host(
                &Settings::load(Sources {
                    environment,
                    ..Sources::default()
                })
                .unwrap(),
            )
        };
        assert_eq!(
            host("MERLON_SERVER__EXTERNAL_URL", "https://id.example.com:8443"),
            "id.example.com"
        );
        assert_eq!(host("MERLON_SERVER__LISTEN", "0.0.0.0:80"), "localhost");
        assert_eq!(host("MERLON_SERVER__LISTEN", "192.0.2.1:80"), "192.0.2.1");
    }
}
