//! What the server executed, counted for the assertions of the tests.

use std::{
    collections::BTreeMap,
    fs::File,
    io::Write as _,
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde::Serialize;
use serde_json::{Value, json};

/// Counters of one tool, or of one tool and tag.
#[derive(Clone, Copy, Debug, Default, Serialize)]
struct CallCounts {
    started: u64,
    completed: u64,
    failed: u64,
    cancelled: u64,
}

/// How a tool call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The tool produced a result, be it a tool error, a question or a task.
    Completed,
    /// The tool produced a JSON-RPC error.
    Failed,
    /// The client cancelled the call, or its session or stream went away.
    Cancelled,
}

#[derive(Debug, Default, Serialize)]
struct Counts {
    http: BTreeMap<String, u64>,
    requests: BTreeMap<String, u64>,
    notifications: BTreeMap<String, u64>,
    calls: BTreeMap<String, CallCounts>,
    tags: BTreeMap<String, BTreeMap<String, CallCounts>>,
    counters: BTreeMap<String, u64>,
    cancellations: Vec<Value>,
    sessions_opened: u64,
    sessions_closed: u64,
    sessions_forgotten: u64,
}

/// All counters of the process.
#[derive(Debug, Default)]
pub(crate) struct Stats {
    counts: Mutex<Counts>,
    /// Where a line is written for each call that begins.
    journal: Option<Mutex<File>>,
}

impl Stats {
    /// Counters whose calls are noted in a file too, which outlives the process.
    pub(crate) fn kept_in(folder: Option<&Path>) -> std::io::Result<Self> {
        let journal = folder.map(|folder| {
            let name = format!("{}.calls", std::process::id());
            File::options().create(true).append(true).open(folder.join(name))
        });
        Ok(Self {
            journal: journal.transpose()?.map(Mutex::new),
            ..Self::default()
        })
    }

    /// Counts one HTTP request by its method.
    pub(crate) fn http(&self, method: &str) {
        increment(&mut self.lock().http, method);
    }

    /// Counts one JSON-RPC request by its method.
    pub(crate) fn request(&self, method: &str) {
        increment(&mut self.lock().requests, method);
    }

    /// Counts one JSON-RPC notification by its method.
    pub(crate) fn notification(&self, method: &str) {
        increment(&mut self.lock().notifications, method);
    }

    /// Keeps what a `notifications/cancelled` said.
    pub(crate) fn cancellation(&self, session: Option<&str>, request_id: &Value, reason: Option<&str>) {
        self.lock()
            .cancellations
            .push(json!({ "session": session, "requestId": request_id, "reason": reason }));
    }

    /// Counts a session that was created.
    pub(crate) fn session_opened(&self) {
        self.lock().sessions_opened += 1;
    }

    /// Counts a session that ended, whoever ended it.
    pub(crate) fn session_closed(&self) {
        self.lock().sessions_closed += 1;
    }

    /// Counts sessions dropped on request of a test.
    pub(crate) fn sessions_forgotten(&self, sessions: usize) {
        self.lock().sessions_forgotten += sessions as u64;
    }

    /// Adds one to the counter of `tag` and returns the new value.
    pub(crate) fn count(&self, tag: &str) -> u64 {
        increment(&mut self.lock().counters, tag)
    }

    /// Counts the start of a call; the returned guard counts its end.
    pub(crate) fn call_started(&self, tool: &str, tag: Option<&str>) -> CallGuard<'_> {
        self.each_counter(tool, tag, |counts| counts.started += 1);
        if let Some(journal) = &self.journal {
            let mut journal = journal.lock().unwrap_or_else(PoisonError::into_inner);
            // A test that misses the line fails by itself.
            let _ = writeln!(journal, "{tool} {}", tag.unwrap_or("-"));
        }
        CallGuard {
            stats: self,
            tool: tool.to_owned(),
            tag: tag.map(str::to_owned),
            outcome: Outcome::Cancelled,
        }
    }

    /// Sets every counter back to zero.
    pub(crate) fn reset(&self) {
        *self.lock() = Counts::default();
    }

    /// Returns all counters as one JSON object.
    pub(crate) fn snapshot(&self) -> Value {
        let counts = self.lock();
        json!({
            "http": counts.http,
            "requests": counts.requests,
            "notifications": counts.notifications,
            "calls": counts.calls,
            "tags": counts.tags,
            "counters": counts.counters,
            "cancellations": counts.cancellations,
            "sessions": {
                "opened": counts.sessions_opened,
                "closed": counts.sessions_closed,
                "forgotten": counts.sessions_forgotten,
            },
        })
    }

    fn each_counter(&self, tool: &str, tag: Option<&str>, change: impl Fn(&mut CallCounts)) {
        let mut counts = self.lock();
        change(counts.calls.entry(tool.to_owned()).or_default());
        if let Some(tag) = tag {
            let tags = counts.tags.entry(tool.to_owned()).or_default();
            change(tags.entry(tag.to_owned()).or_default());
        }
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts the end of a call when it is dropped.
///
/// A call whose future is dropped half-way counts as cancelled, which is why that is the outcome until another one is set.
#[derive(Debug)]
pub(crate) struct CallGuard<'a> {
    stats: &'a Stats,
    tool: String,
    tag: Option<String>,
    outcome: Outcome,
}

impl CallGuard<'_> {
    /// Sets how the call ended.
    pub(crate) fn end(mut self, outcome: Outcome) {
        self.outcome = outcome;
    }
}

impl Drop for CallGuard<'_> {
    fn drop(&mut self) {
        let outcome = self.outcome;
        self.stats
            .each_counter(&self.tool, self.tag.as_deref(), |counts| match outcome {
                Outcome::Completed => counts.completed += 1,
                Outcome::Failed => counts.failed += 1,
                Outcome::Cancelled => counts.cancelled += 1,
            });
    }
}

fn increment(counters: &mut BTreeMap<String, u64>, key: &str) -> u64 {
    let counter = counters.entry(key.to_owned()).or_default();
    *counter += 1;
    *counter
}
