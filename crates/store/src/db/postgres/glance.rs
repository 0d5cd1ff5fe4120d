//! Single questions: they share a few connections, on which they travel one behind the other, each a transaction of its own. Nobody
//! holds a connection while an answer is on its way, so few connections carry many readers.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio_postgres::Row as ServerRow;

use super::{
    Health,
    link::{Link, Source},
    reader::{PostgresSnapshot, Readers, askable},
    statement::bound,
};
use crate::{
    commit::Value,
    db::Param,
    error::{Error, Result},
};

/// Questions under way on one connection while another could be asked. The more travel together, the less each costs.
const TOGETHER: usize = 32;

/// The connections that are shared, used one after the other as questions become more.
#[derive(Debug)]
pub(super) struct Shared(Vec<Seat>);

/// A place for one connection.
#[derive(Debug)]
struct Seat {
    source: Arc<Source>,
    link: Mutex<Option<Arc<Link>>>,
    /// Whoever finds no connection makes one for all who come meanwhile.
    making: Semaphore,
    under_way: AtomicUsize,
}

/// A question that is under way, until it is answered or given up.
struct UnderWay<'a>(&'a AtomicUsize);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

impl Shared {
    pub(super) fn new(source: &Arc<Source>, count: usize) -> Self {
        let seat = |_| Seat {
            source: Arc::clone(source),
            link: Mutex::default(),
            making: Semaphore::new(1),
            under_way: AtomicUsize::new(0),
        };
        Self((0..count).map(seat).collect())
    }

    /// The first with room, else the one with the least under way.
    fn seat(&self) -> Result<&Seat> {
        let busy = |seat: &&Seat| seat.under_way.load(Relaxed);
        let roomy = self.0.iter().find(|seat| busy(seat) < TOGETHER);
        roomy
            .or_else(|| self.0.iter().min_by_key(busy))
            .ok_or(Error::Closed)
    }

    /// Where the server has no connection left for us, one of those that are there has to do.
    async fn ask(&self, health: &Health, sql: &'static str, params: &[Param<'_>]) -> Result<Vec<ServerRow>> {
        match self.seat()?.ask(health, sql, params).await {
            Err(Error::Overloaded) => {
                let other = self.0.iter().find(|seat| seat.kept().is_some());
                other.ok_or(Error::Overloaded)?.ask(health, sql, params).await
            }
            answer => answer,
        }
    }

    /// No connection is made any more, and each ends with the last question that is under way on it.
    pub(super) fn close(&self) {
        for seat in &self.0 {
            seat.making.close();
            *seat.link.lock() = None;
        }
    }
}

impl Seat {
    fn kept(&self) -> Option<Arc<Link>> {
        self.link.lock().clone().filter(|link| !link.is_closed())
    }

    async fn link(&self) -> Result<Arc<Link>> {
        if let Some(link) = self.kept() {
            return Ok(link);
        }
        let _alone = self.making.acquire().await.map_err(|_| Error::Closed)?;
        if let Some(link) = self.kept() {
            return Ok(link);
        }
        let link = Arc::new(self.source.connect().await?);
        *self.link.lock() = Some(Arc::clone(&link));
        Ok(link)
    }

    /// Nobody else is to ask on this connection.
    fn give_up(&self, link: &Arc<Link>) {
        let mut kept = self.link.lock();
        if kept.as_ref().is_some_and(|other| Arc::ptr_eq(other, link)) {
            *kept = None;
        }
    }

    async fn ask(&self, health: &Health, sql: &'static str, params: &[Param<'_>]) -> Result<Vec<ServerRow>> {
        self.under_way.fetch_add(1, Relaxed);
        let _until_answered = UnderWay(&self.under_way);
        let link = health.awaits(self.link()).await?;
        let asked = async {
            let statement = link.ready(sql).await?;
            let params: Vec<Param<'_>> = params.iter().map(askable).collect();
            link.rows(&statement, &bound(&params)).await
        };
        let rows = health.awaits(asked).await;
        if matches!(rows, Err(Error::Unavailable)) {
            self.give_up(&link);
        }
        rows
    }
}

/// A view in which every query sees what is so when it is asked.
#[derive(Debug)]
pub(in crate::db) struct PostgresGlance {
    shared: Arc<Shared>,
    readers: Readers,
    health: Health,
}

impl PostgresGlance {
    pub(super) fn new(shared: &Arc<Shared>, readers: &Readers, health: &Health) -> Result<Self> {
        if !health.is_well() {
            return Err(Error::Unavailable);
        }
        Ok(Self {
            shared: Arc::clone(shared),
            readers: readers.clone(),
            health: health.clone(),
        })
    }

    /// The rows of a query.
    pub(in crate::db) async fn all(
        &mut self,
        sql: &'static str,
        params: &[Param<'_>],
    ) -> Result<Vec<ServerRow>> {
        let mut rows = self.shared.ask(&self.health, sql, params).await;
        if self.health.is_well() && matches!(rows, Err(Error::Unavailable)) {
            // The connection may have died while nobody asked anything. A new one tells for sure.
            rows = self.shared.ask(&self.health, sql, params).await;
        }
        self.health.after(rows)
    }

    /// As [`Self::all`], for a search: it may take long, so it has a connection to itself.
    pub(in crate::db) async fn all_built(&mut self, sql: &str, params: &[Value]) -> Result<Vec<ServerRow>> {
        let mut alone = PostgresSnapshot::new(&self.readers, &self.health).await?;
        alone.all_built(sql, params).await
    }
}
