//! A whole server in this process with people in it: a clock that stands still, seeded dice, a store of its own.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use app::{Caller, Ctx, OrgRef, Target, access::authenticate, user};
use domain::{
    access::{Role, Scope},
    base::{InstanceId, OrgId, Span, Timestamp, UserId},
    org::{self, Org},
    user::{Command, User},
};
use serde_json::{Map, Value};
use server::{
    Running,
    config::{Settings, Sources},
    shell::Drain,
    wire::{Senses, start_with},
};
use tempfile::TempDir;
use testkit::{ManualClock, START, SeededEntropy};

use super::{
    contract,
    wire::{Answer, Call, Client, Form},
};

/// A server and what a test needs of it.
pub(crate) struct World {
    pub(crate) client: Client,
    pub(crate) clock: ManualClock,
    /// The token of an `IAM_OWNER`.
    pub(crate) owner: String,
    pub(crate) org: OrgId,
    pub(crate) other_org: OrgId,
    count: AtomicU32,
    running: Running,
    directory: TempDir,
}

/// A user with a token.
#[derive(Clone, Debug)]
pub(crate) struct Someone {
    pub(crate) id: String,
    pub(crate) token: String,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(&[]).await
    }

    /// A server with some settings otherwise, as `SECTION__KEY`.
    pub(crate) async fn with(variables: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let clock = ManualClock::at(START);
        let running = start(&directory, variables, &clock, 1).await;
        let foundation = &running.ground.foundation;
        let owner = foundation
            .automation_token
            .as_ref()
            .expect("a first start")
            .reveal()
            .to_owned();
        let org = foundation.org.clone();
        let other_org = found_org(&running.ground.ctx, &running, "other.example.com").await;
        Self {
            client: Client::new(running.address),
            clock,
            owner,
            org,
            other_org,
            count: AtomicU32::new(1),
            running,
            directory,
        }
    }

    pub(crate) fn ctx(&self) -> &Ctx {
        &self.running.ground.ctx
    }

    pub(crate) fn instance(&self) -> &InstanceId {
        &self.running.ground.foundation.instance
    }

    /// A number that no other scene of this world has.
    pub(crate) fn next(&self) -> u32 {
        self.count.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn advance(&self, span: Span) {
        self.clock.advance(span);
    }

    async fn owner_caller(&self) -> Caller {
        let instance = &self.running.ground.foundation.instance;
        authenticate(self.ctx(), self.ctx().fresh().await, instance, &self.owner)
            .await
            .expect("a store")
            .expect("the owner")
    }

    /// A user of an organization with roles, and a token until `expires`.
    pub(crate) async fn someone(&self, org: &OrgId, roles: &[(Scope, Role)]) -> Someone {
        let owner = self.owner_caller().await;
        let new = user::NewUser {
            org: Some(OrgRef::Id(org.clone())),
            id: None,
            schema: None,
            data: Map::new(),
            email: None,
            phone: None,
            usernames: Vec::new(),
            password: None,
        };
        let id = user::create(self.ctx(), &owner, &new)
            .await
            .expect("a user")
            .changed
            .id;
        for (scope, role) in roles {
            self.command(
                &id,
                Command::SetRoles {
                    scope: scope.clone(),
                    roles: vec![*role],
                },
            )
            .await;
        }
        let token = self.token(id.as_str(), None).await;
        Someone {
            id: id.to_string(),
            token,
        }
    }

    /// Mints a token.
    pub(crate) async fn token(&self, user: &str, expires: Option<Timestamp>) -> String {
        let owner = self.owner_caller().await;
        let target = Target::of(UserId::from_trusted(user));
        let added = user::token::add(self.ctx(), &owner, &target, expires)
            .await
            .expect("a token");
        added.token.reveal().to_owned()
    }

    /// Has a user's rules accept a command that no RPC offers yet.
    async fn command(&self, id: &UserId, command: Command) {
        let (instance, command) = (&self.running.ground.foundation.instance, &command);
        let store = &self.ctx().store;
        let done: app::Result<()> = store
            .change("test.command", instance, id, self.ctx().now(), |work| {
                Box::pin(async move {
                    let mut user = work.load::<User>(id).await?;
                    work.decide(&mut user, command.clone())?;
                    Ok(())
                })
            })
            .await;
        done.expect("an accepted command");
    }

    /// Where the log of a user stands: the sequence that every answer speaks of.
    pub(crate) async fn sequence(&self, user: &str) -> i64 {
        let instance = &self.running.ground.foundation.instance;
        let mut snapshot = self.ctx().store.snapshot().await.expect("a snapshot");
        let (head, _) = <User as store::Stored>::load(&mut snapshot, instance, &UserId::from_trusted(user))
            .await
            .expect("a user");
        head.seq
    }

    /// How much happened in the whole store.
    pub(crate) async fn events(&self) -> i64 {
        let mut snapshot = self.ctx().store.snapshot().await.expect("a snapshot");
        let counts = snapshot
            .all("SELECT count(*) FROM event", &[], |row| row.int(0))
            .await;
        counts.expect("a count").iter().sum()
    }

    /// All files of the store as text, whatever they hold.
    pub(crate) fn raw(&self) -> String {
        raw(&self.directory)
    }

    /// The one text that a query answers.
    pub(crate) async fn text(&self, sql: &'static str) -> String {
        let mut snapshot = self.ctx().store.snapshot().await.expect("a snapshot");
        let found = snapshot.first(sql, &[], |row| Ok(row.text(0)?.to_owned())).await;
        found.expect("a query").expect("a row")
    }

    /// How often something of the name happened to a user.
    pub(crate) async fn happened(&self, user: &str, name: &str) -> usize {
        let facts = self.facts(user).await;
        facts.into_iter().filter(|fact| *fact == name).count()
    }

    /// The names of all that happened to a user, as one snapshot shows them.
    pub(crate) async fn facts(&self, user: &str) -> Vec<&'static str> {
        use domain::base::Forgettable;
        let instance = &self.running.ground.foundation.instance;
        let mut snapshot = self.ctx().store.snapshot().await.expect("a snapshot");
        let history = snapshot.history::<User>(instance, user).await.expect("a history");
        history.iter().map(|logged| logged.event.name()).collect()
    }

    /// Calls as the owner, in a form that is quick to read.
    pub(crate) async fn owner_calls(&self, method: &str, request: Value) -> Answer {
        self.calls(&self.owner, method, request).await
    }

    /// Calls with a token.
    pub(crate) async fn calls(&self, token: &str, method: &str, request: Value) -> Answer {
        let call = Call {
            method: contract::method(method),
            request: &request,
            token: Some(token),
            headers: &[],
        };
        self.client.call(Form::ConnectJson, &call).await
    }

    /// Stops the server, has something done with its data directory, and starts another on it with some settings otherwise.
    pub(crate) async fn again(self, between: impl AsyncFnOnce(&Path), variables: &[(&str, &str)]) -> Self {
        let Self {
            clock,
            owner,
            org,
            other_org,
            count,
            running,
            directory,
            ..
        } = self;
        whole(&running).await;
        running.shutdown().await;
        between(&directory.path().join("data")).await;
        let seed = count.load(Ordering::Relaxed).into();
        let running = start(&directory, variables, &clock, seed).await;
        whole(&running).await;
        Self {
            client: Client::new(running.address),
            clock,
            owner,
            org,
            other_org,
            count,
            running,
            directory,
        }
    }

    /// Stops the server; answers whether everything that it had accepted was finished.
    pub(crate) async fn stop(self) -> Drain {
        let Self {
            running, directory, ..
        } = self;
        let drain = running.shutdown().await;
        drop(directory);
        drain
    }

    /// Stops the server, after the promise that the read models say what the log says.
    pub(crate) async fn end(self) {
        self.leave().await;
    }

    /// The same; answers what is left in the files then.
    pub(crate) async fn leave(self) -> String {
        whole(&self.running).await;
        self.running.shutdown().await;
        raw(&self.directory)
    }
}

/// The promise that the read models say what the log says.
async fn whole(running: &Running) {
    let differing = store::rebuild_matches(&running.ground.ctx.store)
        .await
        .expect("a store");
    assert_eq!(differing, Vec::<String>::new(), "read models differ from the log");
}

async fn start(directory: &TempDir, variables: &[(&str, &str)], clock: &ManualClock, seed: u64) -> Running {
    // Patience for machines that run many tests at once.
    let patience = [("PASSWORDS__WAIT", "30s"), ("PASSWORDS__QUEUE", "1000")];
    let environment = patience
        .iter()
        .chain(variables)
        .map(|(name, value)| (format!("MERLON_{name}"), (*value).to_owned()));
    let settings = Settings::load(Sources {
        environment: environment.collect(),
        data: Some(directory.path().join("data").display().to_string()),
        listen: Some("127.0.0.1:0".to_owned()),
        ..Sources::default()
    });
    let senses = Senses {
        clock: Arc::new(clock.clone()),
        entropy: Arc::new(SeededEntropy::new(seed)),
    };
    start_with(settings.expect("settings"), senses)
        .await
        .expect("a server")
}

fn raw(directory: &TempDir) -> String {
    let files = std::fs::read_dir(directory.path().join("data")).expect("a directory");
    let files = files
        .map(|file| file.expect("a file").path())
        .filter(|path| path.is_file());
    let read = |path| String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned();
    files.map(read).collect()
}

async fn found_org(ctx: &Ctx, running: &Running, domain: &str) -> OrgId {
    let id = &OrgId::from_trusted(&ctx.new_id());
    let (instance, editor) = (&running.ground.foundation.instance, &UserId::from_trusted("test"));
    let create = &org::Command::Create {
        name: domain.to_owned(),
        domain: domain.to_owned(),
    };
    let done: app::Result<()> = ctx
        .store
        .change("test.org", instance, editor, ctx.now(), |work| {
            Box::pin(async move {
                let mut org = work.load::<Org>(id).await?;
                work.decide(&mut org, create.clone()).expect("a new organization");
                Ok(())
            })
        })
        .await;
    done.expect("an organization");
    id.clone()
}
