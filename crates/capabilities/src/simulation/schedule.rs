//! Exact scenarios: what happens to which request.

use std::pin::pin;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::answer::Request;

/// What a request does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Get,
    Put,
    Delete,
    List,
    Touch,
    Publish,
    Subscribe,
    Watch,
    Acquire,
    Renew,
    Release,
    Holder,
}

/// Which request is meant: the first one from now on that fits in all that is said.
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    kind: Kind,
    subject: String,
    value: String,
    replica: Option<usize>,
    skip: usize,
}

impl Pattern {
    /// Requests of this kind whose key, topic or lease name contains `subject`.
    pub(crate) fn new(kind: Kind, subject: &str) -> Self {
        Self {
            kind,
            subject: subject.to_owned(),
            value: String::new(),
            replica: None,
            skip: 0,
        }
    }

    /// Only puts whose value contains this text.
    pub(crate) fn with_value(mut self, text: &str) -> Self {
        text.clone_into(&mut self.value);
        self
    }

    /// Only those of one replica.
    pub(crate) fn by(mut self, replica: usize) -> Self {
        self.replica = Some(replica);
        self
    }

    /// The n-th one, counted from one.
    pub(crate) fn nth(mut self, number: usize) -> Self {
        self.skip = number - 1;
        self
    }

    fn fits(&self, replica: usize, request: &Request) -> bool {
        self.kind == request.kind()
            && self.replica.is_none_or(|wanted| wanted == replica)
            && request.subject().contains(&self.subject)
            && (self.value.is_empty() || request.to_string().contains(&self.value))
    }
}

/// What happens to a request.
#[derive(Clone, Debug)]
pub(crate) enum Fate {
    /// It never arrives; the replica finds the outcome unknown.
    LoseRequest,
    /// It is executed, but the replica finds the outcome unknown.
    LoseAnswer,
    /// It waits on its way to the backend until released.
    HoldRequest(Hold),
    /// It is executed; its answer waits until released.
    HoldAnswer(Hold),
    /// A second copy of it is executed when released.
    HoldCopy(Hold),
    /// The replica dies when the request was executed.
    CrashAfter,
}

/// A fate that waits for a pattern.
pub(super) struct Rule {
    pub(super) pattern: Pattern,
    pub(super) fate: Fate,
}

impl Rule {
    /// Whether it is this request's turn.
    pub(super) fn takes(&mut self, replica: usize, request: &Request) -> bool {
        if !self.pattern.fits(replica, request) {
            return false;
        }
        let now = self.pattern.skip == 0;
        self.pattern.skip = self.pattern.skip.saturating_sub(1);
        now
    }
}

/// A place where a request waits until the scenario lets it go on.
#[derive(Clone, Debug)]
pub(crate) struct Hold {
    shared: Arc<(Mutex<Stage>, Notify)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Open,
    Reached,
    Released,
    Passed,
}

impl Hold {
    pub(crate) fn new() -> Self {
        Self {
            shared: Arc::new((Mutex::new(Stage::Open), Notify::new())),
        }
    }

    /// Waits until the request has come here.
    pub(crate) async fn reached(&self) {
        self.at_least(Stage::Reached).await;
    }

    /// Lets the request go on and waits until it has been let through.
    pub(crate) async fn release(&self) {
        self.is_now(Stage::Released);
        self.at_least(Stage::Passed).await;
    }

    pub(super) async fn wait_here(&self) {
        self.is_now(Stage::Reached);
        self.at_least(Stage::Released).await;
    }

    pub(super) fn passed(&self) {
        self.is_now(Stage::Passed);
    }

    /// Stages only come one after the other.
    fn is_now(&self, stage: Stage) {
        let mut now = self.shared.0.lock();
        *now = stage.max(*now);
        drop(now);
        self.shared.1.notify_waiters();
    }

    async fn at_least(&self, wanted: Stage) {
        loop {
            let mut changed = pin!(self.shared.1.notified());
            changed.as_mut().enable();
            if *self.shared.0.lock() >= wanted {
                return;
            }
            changed.await;
        }
    }
}
