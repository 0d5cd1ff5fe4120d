//! A directory as identity provider (RFC 4511): the person is looked for as somebody who may look, and then has to bind as
//! themselves.

mod conversation;
mod entry;

use std::{sync::Arc, time::Duration};

use app::{
    idp::elsewhere::{Credentials, Identity, Unbound},
    secret::Secret,
};
use domain::{
    idp::{Attribute, LdapServer, LdapSettings},
    idp_intent::Failure,
};
use rasn_ldap::{
    AttributeValueAssertion, Filter, ResultCode, SearchRequest, SearchRequestDerefAliases, SearchRequestScope,
};
use rustls::{
    ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use rustls_platform_verifier::BuilderVerifierExt;
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::{TlsConnector, client::TlsStream};
use url::Url;

use self::conversation::{Conversation, Why, Wire};
use crate::{FederationSettings, outside::useless};

/// All servers of a directory together have this long.
const MOST_TIME: Duration = Duration::from_mins(1);
/// One person, and a second one who would make the name ambiguous.
const MOST_FOUND: u32 = 2;

/// Who asks directories.
pub(crate) struct Directories {
    allow_private: bool,
    usual_time: Duration,
    /// With the authorities of the system, if it has any.
    system: Option<Arc<ClientConfig>>,
}

impl Directories {
    pub(crate) fn new(settings: FederationSettings) -> Self {
        let system = || Some(tls_config()?.with_platform_verifier().ok()?.with_no_client_auth());
        Self {
            allow_private: settings.allow_private,
            usual_time: settings.timeout,
            system: system().map(Arc::new),
        }
    }

    /// Who it is, if the password is theirs. Nobody is looked for without one: everybody could bind then (RFC 4513 section
    /// 5.1.2).
    pub(crate) async fn person(
        &self,
        ldap: &LdapSettings,
        secret: &Secret,
        credentials: &Credentials<'_>,
    ) -> Result<Identity, Unbound> {
        let mut guessed = false;
        if credentials.password.reveal().is_empty() {
            let failure = Failure::Denied;
            return Err(Unbound { failure, guessed });
        }
        let asked = self.first_of_use(ldap, secret, credentials, &mut guessed);
        let answer = timeout(MOST_TIME, asked).await;
        answer
            .unwrap_or(Err(Failure::Unreachable))
            .map_err(|failure| Unbound { failure, guessed })
    }

    /// The answer of the first server that is of use, in their order. Once one has seen the password no other is asked, so that
    /// a guess stays one.
    async fn first_of_use(
        &self,
        ldap: &LdapSettings,
        secret: &Secret,
        credentials: &Credentials<'_>,
        guessed: &mut bool,
    ) -> Result<Identity, Failure> {
        let time = ldap.timeout.map_or(self.usual_time, |time| {
            Duration::from_micros(time.span().0.unsigned_abs())
        });
        for server in &ldap.servers {
            let asked = self.ask(server, ldap, secret, credentials, guessed);
            let answer = timeout(time, asked).await;
            let answer = answer.unwrap_or_else(|_| Err(useless(server.as_str(), "does not answer in time")));
            if *guessed || answer != Err(Failure::Unreachable) {
                return answer;
            }
        }
        Err(Failure::Unreachable)
    }

    async fn ask(
        &self,
        server: &LdapServer,
        ldap: &LdapSettings,
        secret: &Secret,
        credentials: &Credentials<'_>,
        guessed: &mut bool,
    ) -> Result<Identity, Failure> {
        let broken = |why: Why| useless(server.as_str(), why);
        let mut directory = self.open(server, ldap).await.map_err(broken)?;
        let bound = directory.bind(ldap.bind_dn.as_str(), secret).await;
        allowed(bound.map_err(broken)?, server)?;
        let searched = directory.search(request(ldap, credentials.username)).await;
        let (code, found) = searched.map_err(broken)?;
        // More than it may tell are several, too.
        if code != ResultCode::SizeLimitExceeded {
            allowed(code, server)?;
        }
        let entry =
            entry::the_one(found).filter(|entry| code == ResultCode::Success && entry.is_called(credentials));
        // Nobody of this name is asked for their password as well, so that the answer takes as many steps as a wrong password.
        let name = entry.as_ref().and_then(|entry| entry.bind_name(ldap));
        let nobody = || format!("cn=nobody,{}", ldap.base_dn.as_str());
        let name = name.map_or_else(nobody, str::to_owned);
        *guessed = true;
        let code = directory
            .bind(&name, credentials.password)
            .await
            .map_err(broken)?;
        match (code, entry) {
            (ResultCode::Success, Some(entry)) if entry.bind_name(ldap) == Some(&*name) => {
                *guessed = false;
                entry.identity(ldap, credentials.username)
            }
            (ResultCode::Busy | ResultCode::Unavailable, _) => Err(broken("is busy")),
            _ => Err(Failure::Denied),
        }
    }

    /// Speaks to an allowed address, and encrypted unless private addresses are allowed: passwords travel.
    async fn open(
        &self,
        server: &LdapServer,
        ldap: &LdapSettings,
    ) -> Result<Conversation<Box<dyn Wire>>, Why> {
        let url = Url::parse(server.as_str()).map_err(|_| "has no address")?;
        let host = url.host_str().ok_or("has no address")?.trim_matches(['[', ']']);
        let encrypted = url.scheme() == "ldaps";
        if !(encrypted || ldap.start_tls || self.allow_private) {
            return Err("would be asked without TLS");
        }
        let port = url.port().unwrap_or(if encrypted { 636 } else { 389 });
        let connected = outbound::connect(host, port, self.allow_private).await;
        let stream = connected.map_err(|error| {
            if outbound::was_refused(&*error) {
                "leads into a private network"
            } else {
                "is not reached"
            }
        })?;
        if encrypted {
            return Ok(Conversation::over(Box::new(
                self.encrypt(stream, host, ldap).await?,
            )));
        }
        if ldap.start_tls {
            let stream = Conversation::over(stream).start_tls().await?;
            return Ok(Conversation::over(Box::new(
                self.encrypt(stream, host, ldap).await?,
            )));
        }
        Ok(Conversation::over(Box::new(stream)))
    }

    /// The certificate has to be of this host, and from the authorities that are configured or those of the system.
    async fn encrypt(
        &self,
        stream: TcpStream,
        host: &str,
        ldap: &LdapSettings,
    ) -> Result<TlsStream<TcpStream>, Why> {
        let config = match ldap.root_ca.as_deref() {
            Some(pem) => trusting(pem).ok_or("has authorities that are none")?,
            None => self
                .system
                .clone()
                .ok_or("needs authorities of the system, which has none")?,
        };
        let name = ServerName::try_from(host.to_owned()).map_err(|_| "has no name for a certificate")?;
        let encrypted = TlsConnector::from(config).connect(name, stream).await;
        encrypted.map_err(|_| "has no certificate that holds")
    }
}

/// What the server answers to this one: success, or that it is of no use now or ever.
fn allowed(code: ResultCode, server: &LdapServer) -> Result<(), Failure> {
    match code {
        ResultCode::Success => Ok(()),
        ResultCode::Busy | ResultCode::Unavailable | ResultCode::TimeLimitExceeded => {
            Err(useless(server.as_str(), "is busy"))
        }
        _ => {
            _ = useless(server.as_str(), "refuses this server");
            Err(Failure::Refused)
        }
    }
}

fn tls_config() -> Option<ConfigBuilder<ClientConfig, WantsVerifier>> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider);
    config.with_safe_default_protocol_versions().ok()
}

/// Trusts these authorities, all of which must be readable, and no others.
fn trusting(pem: &str) -> Option<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    for one in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        roots.add(one.ok()?).ok()?;
    }
    let config = tls_config()?.with_root_certificates(roots);
    Some(Arc::new(config.with_no_client_auth()))
}

/// Asks for the people of this name.
fn request(ldap: &LdapSettings, username: &str) -> SearchRequest {
    SearchRequest::new(
        ldap.base_dn.as_str().into(),
        SearchRequestScope::WholeSubtree,
        SearchRequestDerefAliases::NeverDerefAliases,
        MOST_FOUND,
        0,
        false,
        filter(ldap, username),
        entry::wanted(ldap).map(Into::into).collect(),
    )
}

/// All classes, and the name in one of the attributes. It is sent as a structure in which the name is a value and nothing
/// else, never as the text of RFC 4515: there is nothing to escape, and nothing to break out of.
fn filter(ldap: &LdapSettings, username: &str) -> Filter {
    let is = |attribute: &str, value: &str| {
        let value = value.as_bytes().into();
        Filter::EqualityMatch(AttributeValueAssertion::new(attribute.into(), value))
    };
    let called = |attribute: &Attribute| is(attribute.as_str(), username);
    let names: Vec<Filter> = ldap.user_filters.iter().map(called).collect();
    let classes = ldap
        .user_object_classes
        .iter()
        .map(|class| is("objectClass", class.as_str()));
    let all: Vec<Filter> = classes.chain([Filter::Or(names.into())]).collect();
    Filter::And(all.into())
}
