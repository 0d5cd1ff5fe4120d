//! A founded instance with people in it, for tests of use cases.

use std::{ops::Deref, sync::Arc, time::Duration};

use app::{
    Caller, Ctx, Target,
    access::authenticate,
    bootstrap::{self, Foundation},
    ctx::Channels,
    delivery,
    id::IdSource,
    idp::elsewhere::{Answer, Ask, CameBack, Credentials, Elsewhere, Identity, Unbound},
    message::Message,
    password::{PasswordPool, PoolOptions},
    policy::Policy,
    secret::{Keys, MasterKey, Secret},
    user::{self, NewUser},
};
use domain::{
    access::{Role, Scope},
    base::{OrgId, Span, Timestamp, UserId},
    idp::{LdapSettings, Settings},
    idp_intent::Failure,
    org::{self, Org},
    user::{Command, User},
};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::{
    ManualClock, SeededEntropy,
    database::{self, Database},
};

/// When every test starts: 2026-01-01T00:00:00Z.
pub const START: Timestamp = Timestamp(1_767_225_600_000_000);

/// What a test wants otherwise than usual.
pub struct TestOptions {
    /// Limits, lifetimes, hosts.
    pub policy: Policy,
    /// Which channels have a provider.
    pub channels: Channels,
    /// The master key's bytes are all this.
    pub key: u8,
    /// Seed of the randomness.
    pub seed: u64,
    /// Who speaks to identity providers.
    pub elsewhere: Arc<dyn Elsewhere>,
    /// Where passwords are hashed.
    pub passwords: PoolOptions,
}

impl std::fmt::Debug for TestOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TestOptions(..)")
    }
}

/// Nobody reaches an identity provider.
#[derive(Debug)]
struct Nowhere;

impl Elsewhere for Nowhere {
    fn sign_in_page<'a>(&'a self, _: &'a Settings, _: &'a Ask<'a>) -> Answer<'a, String> {
        Box::pin(async { Err(Failure::Unreachable) })
    }

    fn bind<'a>(
        &'a self,
        _: &'a LdapSettings,
        _: &'a Secret,
        _: &'a Credentials<'a>,
    ) -> Answer<'a, Identity, Unbound> {
        Box::pin(async {
            Err(Unbound {
                failure: Failure::Unreachable,
                guessed: false,
            })
        })
    }

    fn identify<'a>(&'a self, _: &'a Settings, _: &'a Secret, _: &'a CameBack<'a>) -> Answer<'a, Identity> {
        Box::pin(async { Err(Failure::Unreachable) })
    }
}

impl Default for TestOptions {
    fn default() -> Self {
        Self {
            policy: Policy::default(),
            channels: Channels {
                sms: true,
                email: true,
            },
            key: 7,
            seed: 1,
            elsewhere: Arc::new(Nowhere),
            // As patient as a slow machine that runs many tests at once needs it.
            passwords: PoolOptions {
                queue: 1024,
                wait: Duration::from_mins(1),
                ..PoolOptions::default()
            },
        }
    }
}

/// A context over a fresh database with a founded instance.
#[derive(Debug)]
pub struct TestCtx {
    /// What use cases are handed.
    pub ctx: Arc<Ctx>,
    /// Its clock.
    pub clock: ManualClock,
    /// What the first start made.
    pub foundation: Foundation,
    /// Where it is kept.
    pub database: Database,
}

impl Deref for TestCtx {
    type Target = Ctx;
    fn deref(&self) -> &Ctx {
        &self.ctx
    }
}

/// A context over a database that is there already, without founding anything.
pub fn context(store: store::Store, clock: &ManualClock, options: TestOptions) -> Ctx {
    Ctx {
        store,
        clock: Arc::new(clock.clone()),
        entropy: Arc::new(SeededEntropy::new(options.seed)),
        keys: Keys::derive(&MasterKey([options.key; 32])).unwrap(),
        ids: IdSource::new(1),
        policy: options.policy,
        channels: options.channels,
        elsewhere: options.elsewhere,
        passwords: PasswordPool::new(options.passwords),
        schemas: app::schema::SchemaCache::default(),
        inbox_bell: Notify::new(),
        stopping: CancellationToken::new(),
    }
}

impl TestCtx {
    /// A context with every default.
    pub async fn new() -> Self {
        Self::with(TestOptions::default()).await
    }

    /// A context with some things otherwise.
    pub async fn with(options: TestOptions) -> Self {
        Self::on(database::any().await, options).await
    }

    /// A context on a database of one's own choice.
    pub async fn on(database: Database, options: TestOptions) -> Self {
        let clock = ManualClock::at(START);
        let ctx = Arc::new(context(database.store.clone(), &clock, options));
        let foundation = bootstrap::found(&ctx).await.unwrap();
        Self {
            ctx,
            clock,
            foundation,
            database,
        }
    }

    /// Moves the clock on.
    pub fn advance(&self, span: Span) {
        self.clock.advance(span);
    }

    /// The automation user of the first start: `IAM_OWNER`.
    pub async fn owner(&self) -> Caller {
        self.behind(self.foundation.automation_token.as_ref().unwrap())
            .await
    }

    /// Who stands behind a token.
    async fn behind(&self, token: &Secret) -> Caller {
        let (fresh, instance) = (self.ctx.fresh().await, &self.foundation.instance);
        let caller = authenticate(&self.ctx, fresh, instance, token.reveal()).await;
        caller.unwrap().unwrap()
    }

    /// Another organization.
    pub async fn organization(&self, domain: &str) -> OrgId {
        let id = &OrgId::from_trusted(&self.ctx.new_id());
        let (instance, editor) = (&self.foundation.instance, &UserId::from_trusted("test"));
        let create = &org::Command::Create {
            name: domain.to_owned(),
            domain: domain.to_owned(),
        };
        let done: app::Result<()> = self
            .store
            .change("test.org", instance, editor, self.now(), |work| {
                Box::pin(async move {
                    let mut org = work.load::<Org>(id).await?;
                    work.decide(&mut org, create.clone()).unwrap();
                    Ok(())
                })
            })
            .await;
        done.unwrap();
        id.clone()
    }

    /// A user without any role in the default organization.
    pub async fn plain_user(&self) -> Caller {
        let org = self.foundation.org.clone();
        self.member_of(&org, &[]).await
    }

    /// A user of the default organization with these roles, each in its scope.
    pub async fn caller_with(&self, roles: &[(Scope, Role)]) -> Caller {
        let org = self.foundation.org.clone();
        self.member_of(&org, roles).await
    }

    /// A user of an organization with these roles, each in its scope, signed in by a token.
    pub async fn member_of(&self, org: &OrgId, roles: &[(Scope, Role)]) -> Caller {
        let owner = self.owner().await;
        let new = NewUser {
            org: Some(app::OrgRef::Id(org.clone())),
            id: None,
            schema: None,
            data: serde_json::Map::new(),
            email: None,
            phone: None,
            usernames: Vec::new(),
            password: None,
        };
        let id = user::create(&self.ctx, &owner, &new).await.unwrap().changed.id;
        for (scope, role) in roles {
            let set = Command::SetRoles {
                scope: scope.clone(),
                roles: vec![*role],
            };
            self.command(&id, set).await;
        }
        let target = Target::of(id);
        let token = user::token::add(&self.ctx, &owner, &target, None).await.unwrap();
        self.behind(&token.token).await
    }

    /// Has a user's rules accept a command that no use case offers.
    pub async fn command(&self, id: &UserId, command: Command) {
        let (instance, command) = (&self.foundation.instance, &command);
        let done: app::Result<()> = self
            .store
            .change("test.command", instance, id, self.now(), |work| {
                Box::pin(async move {
                    let mut user = work.load::<User>(id).await?;
                    work.decide(&mut user, command.clone())?;
                    Ok(())
                })
            })
            .await;
        done.unwrap();
    }
}

/// Takes everything that is due out of the outbox, as a sender would, and answers what would have been sent.
pub async fn read_sent(ctx: &Ctx) -> Vec<Message> {
    let until = ctx.now() + Span::minutes(1);
    let taken = delivery::take(ctx, 1000, until, |due| delivery::open(ctx, due));
    let taken = taken.await.unwrap();
    assert!(!taken.left, "a message opens with the key that sealed it");
    let mut sent = Vec::with_capacity(taken.messages.len());
    for (due, message) in taken.messages {
        sent.push(message);
        assert!(delivery::finish(ctx, &due).await.unwrap(), "the lease is ours");
    }
    sent
}
