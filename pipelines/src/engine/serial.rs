//! A decorator around the durable engine's store that makes SQLite safe for it: one call at a time,
//! tried again when the database is locked, and woken instead of polled.
//!
//! The engine's own store upgrades read transactions to writes over five connections. With many
//! slots busy that ends in "database is locked", which fails workflows for good; one call at a time
//! cannot. Its store also answers an empty queue at once, so that its dispatchers would poll: here a
//! fetch waits until another call of this process has put something into a queue, and looks by
//! itself only now and then, for what becomes visible by the clock.

use async_trait::async_trait;
use duroxide::providers::sqlite::SqliteProvider;
use duroxide::providers::{
    DispatcherCapabilityFilter, ExecutionMetadata, OrchestrationItem, Provider, ProviderAdmin, ProviderError,
    ScheduledActivityIdentifier, SessionFetchConfig, TagFilter, WorkItem,
};
use duroxide::{Event, SystemStats};
use std::collections::HashMap;
use std::future::Future;
use std::time::Duration;
use tokio::sync::{Mutex, Notify};
use tokio::time::Instant;

type Outcome<T> = Result<T, ProviderError>;

/// How often an empty queue is looked at without having been woken.
const LOOK: Duration = Duration::from_millis(500);
/// Waits between tries of a call that found the database locked.
const WAITS: [Duration; 6] = [
    Duration::from_millis(10),
    Duration::from_millis(30),
    Duration::from_millis(100),
    Duration::from_millis(300),
    Duration::from_secs(1),
    Duration::from_secs(3),
];

/// The engine's SQLite store, one call at a time.
pub(super) struct Serial {
    inner: SqliteProvider,
    turn: Mutex<()>,
    filled: Notify,
}

impl Serial {
    pub(super) fn new(inner: SqliteProvider) -> Self {
        Self { inner, turn: Mutex::new(()), filled: Notify::new() }
    }

    /// Names of all instances that have begun.
    pub(super) async fn instances(&self) -> Outcome<Vec<String>> {
        match self.inner.as_management_capability() {
            Some(admin) => self.call(|| admin.list_instances()).await,
            None => Ok(Vec::new()),
        }
    }

    /// Removes instances and everything about them, running or not.
    pub(super) async fn forget(&self, instances: &[String]) -> Outcome<()> {
        let Some(admin) = self.inner.as_management_capability() else { return Ok(()) };
        for some in instances.chunks(100) {
            self.call(|| admin.delete_instances_atomic(some, true)).await?;
        }
        Ok(())
    }

    /// Makes one call in its turn, again while the database is locked.
    async fn call<T, F: Future<Output = Outcome<T>>>(&self, mut make: impl FnMut() -> F) -> Outcome<T> {
        let _turn = self.turn.lock().await;
        for wait in WAITS {
            match make().await {
                Err(error) if is_locked(&error) => {
                    tracing::debug!(%error, "the engine's database is locked, trying again");
                    tokio::time::sleep(wait).await;
                }
                outcome => return outcome,
            }
        }
        make().await
    }

    /// The same, and wakes who waits for a filled queue.
    async fn fill<T, F: Future<Output = Outcome<T>>>(&self, make: impl FnMut() -> F) -> Outcome<T> {
        let outcome = self.call(make).await;
        self.filled.notify_waiters();
        outcome
    }

    /// Fetches from a queue, waiting up to `patience` for something to be in it.
    async fn fetch<T, F: Future<Output = Outcome<Option<T>>>>(
        &self,
        patience: Duration,
        mut make: impl FnMut() -> F,
    ) -> Outcome<Option<T>> {
        let deadline = Instant::now() + patience;
        loop {
            let filled = self.filled.notified();
            tokio::pin!(filled);
            // Counts from here, so that what is put in during the look is not missed.
            filled.as_mut().enable();
            let found = self.call(&mut make).await?;
            if found.is_some() || Instant::now() >= deadline {
                return Ok(found);
            }
            let look = (Instant::now() + LOOK).min(deadline);
            let _ = tokio::time::timeout_at(look, filled).await;
        }
    }
}

fn is_locked(error: &ProviderError) -> bool {
    error.is_retryable() && (error.message.contains("locked") || error.message.contains("busy"))
}

#[async_trait]
impl Provider for Serial {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn version(&self) -> &str {
        self.inner.version()
    }

    async fn fetch_orchestration_item(
        &self,
        lock_timeout: Duration,
        poll_timeout: Duration,
        filter: Option<&DispatcherCapabilityFilter>,
    ) -> Outcome<Option<(OrchestrationItem, String, u32)>> {
        let make = || self.inner.fetch_orchestration_item(lock_timeout, Duration::ZERO, filter);
        self.fetch(poll_timeout, make).await
    }

    async fn ack_orchestration_item(
        &self,
        lock_token: &str,
        execution_id: u64,
        history_delta: Vec<Event>,
        worker_items: Vec<WorkItem>,
        orchestrator_items: Vec<WorkItem>,
        metadata: ExecutionMetadata,
        cancelled_activities: Vec<ScheduledActivityIdentifier>,
    ) -> Outcome<()> {
        self.fill(|| {
            self.inner.ack_orchestration_item(
                lock_token,
                execution_id,
                history_delta.clone(),
                worker_items.clone(),
                orchestrator_items.clone(),
                metadata.clone(),
                cancelled_activities.clone(),
            )
        })
        .await
    }

    async fn abandon_orchestration_item(
        &self,
        lock_token: &str,
        delay: Option<Duration>,
        ignore_attempt: bool,
    ) -> Outcome<()> {
        self.fill(|| self.inner.abandon_orchestration_item(lock_token, delay, ignore_attempt)).await
    }

    async fn read(&self, instance: &str) -> Outcome<Vec<Event>> {
        self.call(|| self.inner.read(instance)).await
    }

    async fn read_with_execution(&self, instance: &str, execution_id: u64) -> Outcome<Vec<Event>> {
        self.call(|| self.inner.read_with_execution(instance, execution_id)).await
    }

    async fn append_with_execution(
        &self,
        instance: &str,
        execution_id: u64,
        new_events: Vec<Event>,
    ) -> Outcome<()> {
        self.call(|| self.inner.append_with_execution(instance, execution_id, new_events.clone())).await
    }

    async fn enqueue_for_worker(&self, item: WorkItem) -> Outcome<()> {
        self.fill(|| self.inner.enqueue_for_worker(item.clone())).await
    }

    async fn fetch_work_item(
        &self,
        lock_timeout: Duration,
        poll_timeout: Duration,
        session: Option<&SessionFetchConfig>,
        tag_filter: &TagFilter,
    ) -> Outcome<Option<(WorkItem, String, u32)>> {
        let make = || self.inner.fetch_work_item(lock_timeout, Duration::ZERO, session, tag_filter);
        self.fetch(poll_timeout, make).await
    }

    async fn ack_work_item(&self, token: &str, completion: Option<WorkItem>) -> Outcome<()> {
        self.fill(|| self.inner.ack_work_item(token, completion.clone())).await
    }

    async fn renew_work_item_lock(&self, token: &str, extend_for: Duration) -> Outcome<()> {
        self.call(|| self.inner.renew_work_item_lock(token, extend_for)).await
    }

    async fn renew_session_lock(
        &self,
        owner_ids: &[&str],
        extend_for: Duration,
        idle_timeout: Duration,
    ) -> Outcome<usize> {
        self.call(|| self.inner.renew_session_lock(owner_ids, extend_for, idle_timeout)).await
    }

    async fn cleanup_orphaned_sessions(&self, idle_timeout: Duration) -> Outcome<usize> {
        self.call(|| self.inner.cleanup_orphaned_sessions(idle_timeout)).await
    }

    async fn abandon_work_item(
        &self,
        token: &str,
        delay: Option<Duration>,
        ignore_attempt: bool,
    ) -> Outcome<()> {
        self.fill(|| self.inner.abandon_work_item(token, delay, ignore_attempt)).await
    }

    async fn renew_orchestration_item_lock(&self, token: &str, extend_for: Duration) -> Outcome<()> {
        self.call(|| self.inner.renew_orchestration_item_lock(token, extend_for)).await
    }

    async fn enqueue_for_orchestrator(&self, item: WorkItem, delay: Option<Duration>) -> Outcome<()> {
        self.fill(|| self.inner.enqueue_for_orchestrator(item.clone(), delay)).await
    }

    /// None: who managed instances past this decorator would not wait for a turn.
    fn as_management_capability(&self) -> Option<&dyn ProviderAdmin> {
        None
    }

    async fn get_custom_status(
        &self,
        instance: &str,
        last_seen_version: u64,
    ) -> Outcome<Option<(Option<String>, u64)>> {
        self.call(|| self.inner.get_custom_status(instance, last_seen_version)).await
    }

    async fn get_kv_value(&self, instance: &str, key: &str) -> Outcome<Option<String>> {
        self.call(|| self.inner.get_kv_value(instance, key)).await
    }

    async fn get_kv_all_values(&self, instance: &str) -> Outcome<HashMap<String, String>> {
        self.call(|| self.inner.get_kv_all_values(instance)).await
    }

    async fn get_instance_stats(&self, instance: &str) -> Outcome<Option<SystemStats>> {
        self.call(|| self.inner.get_instance_stats(instance)).await
    }
}
