//! A server's worth of context, workers on it, and people who ask for codes.

use std::{future::Future, sync::Arc, time::Duration};

use app::{
    Caller, Ctx, Language, Target, delivery,
    inbox::{self, InboxMessage, InboxQuery},
    policy::Policy,
    user::{
        code::{NewDestination, Verification},
        otp,
    },
};
use domain::base::{FactorId, Span};
use notify::Senders;
use testkit::{TestCtx, TestOptions};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub(crate) const HOST: &str = "login.example.com";

pub(crate) struct World {
    pub(crate) test: TestCtx,
}

impl World {
    pub(crate) async fn new() -> Self {
        let policy = Policy {
            public_host: HOST.to_owned(),
            ..Policy::default()
        };
        let options = TestOptions {
            policy,
            ..TestOptions::default()
        };
        Self {
            test: TestCtx::with(options).await,
        }
    }

    pub(crate) fn ctx(&self) -> Arc<Ctx> {
        self.test.ctx.clone()
    }

    /// Somebody registers this destination, so that a code is on its way there.
    pub(crate) async fn register(&self, who: &Caller, to: &str, language: Language) -> FactorId {
        let verification = Verification::Send { link: None };
        let new = if to.contains('@') {
            NewDestination::email(to, verification, language)
        } else {
            NewDestination::phone(&self.test.ctx, to, verification, language)
        };
        let target = Target::of(who.user.clone());
        let added = otp::add(&self.test.ctx, who, &target, &new.unwrap()).await;
        added.unwrap().factor
    }

    /// A new person registers this destination.
    pub(crate) async fn ask(&self, to: &str) {
        let who = self.test.plain_user().await;
        self.register(&who, to, Language::En).await;
    }

    /// So many codes on their way to as many phones.
    pub(crate) async fn ask_many(&self, count: usize) {
        let mut who = self.test.plain_user().await;
        for n in 0..count {
            if n % 10 == 9 {
                who = self.test.plain_user().await;
            }
            let number = format!("+4179{:07}", 1_000_000 + n);
            self.register(&who, &number, Language::En).await;
        }
    }

    pub(crate) fn worker(&self, senders: Senders) -> Worker {
        Worker::start(self.ctx(), senders)
    }

    /// Moves the clock on and wakes the worker.
    pub(crate) fn advance(&self, span: Span) {
        self.test.advance(span);
        self.test.ctx.store.parcels().notify_one();
    }

    pub(crate) async fn waiting(&self) -> i64 {
        delivery::waiting(&self.test.ctx).await.unwrap()
    }

    pub(crate) async fn emptied(&self) {
        until(async || self.waiting().await == 0).await;
    }

    pub(crate) async fn inbox(&self) -> Vec<InboxMessage> {
        let query = InboxQuery {
            most: 1000,
            ..InboxQuery::default()
        };
        let instance = &self.test.foundation.instance;
        inbox::list_unchecked(&self.test.ctx, instance, &query)
            .await
            .unwrap()
    }
}

/// A worker at work; it stops when told, or dies when dropped.
pub(crate) struct Worker {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Worker {
    pub(crate) fn start(ctx: Arc<Ctx>, senders: Senders) -> Self {
        let stop = CancellationToken::new();
        let task = tokio::spawn(notify::run(ctx, senders, stop.clone()));
        Self { stop, task }
    }

    pub(crate) async fn stop(mut self) {
        self.stop.cancel();
        (&mut self.task).await.unwrap();
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Waits for a state.
pub(crate) async fn until<F: Future<Output = bool>>(mut holds: impl FnMut() -> F) {
    let waiting = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waiting)
        .await
        .expect("the awaited state did not come");
}

/// Time for something that must not happen.
pub(crate) async fn a_moment() {
    tokio::time::sleep(Duration::from_millis(150)).await;
}
