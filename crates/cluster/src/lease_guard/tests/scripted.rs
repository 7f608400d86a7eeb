//! A lease that does what a script says, and clocks to measure on.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::{Instant, sleep};

use crate::{
    Clock, Error, ErrorKind, Grant, Holder, Lease, LeaseGuard, LeaseGuardOptions, LeaseRequest, Moment,
    Nonce, Result, Token, TokioClock,
};

pub(super) const TTL: Duration = Duration::from_secs(6);

pub(super) fn third() -> Duration {
    TTL / 3
}

pub(super) fn request() -> LeaseRequest {
    LeaseRequest::new("lease", "holder", TTL).unwrap()
}

/// What the lease answers to one call.
#[derive(Clone, Copy)]
pub(super) enum Turn {
    Grant,
    Token(u64),
    Slow(Duration),
    Hang,
    Fail(ErrorKind),
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    Acquire,
    Renew,
    Holder,
}

/// The script and the record of what was called; calls beyond the script are granted.
#[derive(Clone)]
pub(super) struct Script {
    scripted: Arc<Scripted>,
    clock: Arc<TokioClock>,
}

struct Scripted(Mutex<State>);

struct State {
    acquires: VecDeque<Turn>,
    renewals: VecDeque<Turn>,
    confirmations: VecDeque<Turn>,
    always: Turn,
    renew_after: Duration,
    calls: Vec<(Call, Instant)>,
    nonces: HashSet<Nonce>,
    released: Vec<Token>,
}

impl Script {
    pub(super) fn new(renewals: impl IntoIterator<Item = Turn>) -> Self {
        let state = State {
            acquires: VecDeque::new(),
            renewals: renewals.into_iter().collect(),
            confirmations: VecDeque::new(),
            always: Turn::Grant,
            renew_after: third(),
            calls: Vec::new(),
            nonces: HashSet::new(),
            released: Vec::new(),
        };
        Self {
            scripted: Arc::new(Scripted(Mutex::new(state))),
            clock: Arc::new(TokioClock::new()),
        }
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.scripted.0.lock().unwrap());
    }

    /// What renewals answer after the script.
    pub(super) fn then_always(&self, turn: Turn) {
        self.change(|state| state.always = turn);
    }

    pub(super) fn acquires(&self, turns: impl IntoIterator<Item = Turn>) {
        self.change(|state| state.acquires.extend(turns));
    }

    pub(super) fn slow_acquire(&self, delay: Duration) {
        self.acquires([Turn::Slow(delay)]);
    }

    pub(super) fn confirmations(&self, turns: impl IntoIterator<Item = Turn>) {
        self.change(|state| state.confirmations.extend(turns));
    }

    pub(super) fn renew_after(&self, renew_after: Duration) {
        self.change(|state| state.renew_after = renew_after);
    }

    pub(super) fn lease(&self) -> Arc<dyn Lease> {
        Arc::clone(&self.scripted) as Arc<dyn Lease>
    }

    pub(super) fn clock(&self) -> Arc<TokioClock> {
        Arc::clone(&self.clock)
    }

    pub(super) async fn guard(&self) -> Result<Option<LeaseGuard>> {
        self.guard_on(self.clock()).await
    }

    pub(super) async fn guard_on(&self, clock: Arc<dyn Clock>) -> Result<Option<LeaseGuard>> {
        let options = LeaseGuardOptions { clock, margin: None };
        LeaseGuard::acquire(self.lease(), request(), options).await
    }

    pub(super) fn times(&self, call: Call) -> Vec<Instant> {
        let state = self.scripted.0.lock().unwrap();
        let calls = state.calls.iter().filter(|(other, _)| *other == call);
        calls.map(|(_, time)| *time).collect()
    }

    pub(super) fn nonces(&self) -> HashSet<Nonce> {
        self.scripted.0.lock().unwrap().nonces.clone()
    }

    pub(super) fn released(&self) -> Vec<Token> {
        self.scripted.0.lock().unwrap().released.clone()
    }
}

impl Scripted {
    fn next(&self, call: Call) -> (Turn, Grant) {
        let mut state = self.0.lock().unwrap();
        state.calls.push((call, Instant::now()));
        let turn = match call {
            Call::Acquire => state.acquires.pop_front().unwrap_or(Turn::Grant),
            Call::Renew => state.renewals.pop_front().unwrap_or(state.always),
            Call::Holder => state.confirmations.pop_front().unwrap_or(Turn::Grant),
        };
        let grant = Grant {
            token: Token::new(7),
            ttl: TTL,
            renew_after: state.renew_after,
        };
        (turn, grant)
    }

    async fn play(&self, call: Call) -> Result<Grant> {
        let (turn, grant) = self.next(call);
        match turn {
            Turn::Grant => Ok(grant),
            Turn::Token(number) => Ok(Grant {
                token: Token::new(number),
                ..grant
            }),
            Turn::Slow(delay) => {
                sleep(delay).await;
                Ok(grant)
            }
            Turn::Hang => std::future::pending().await,
            Turn::Fail(kind) => Err(Error::new(kind, "as the script says")),
        }
    }
}

#[async_trait]
impl Lease for Scripted {
    async fn acquire(&self, request: &LeaseRequest) -> Result<Option<Grant>> {
        self.0.lock().unwrap().nonces.insert(request.nonce);
        self.play(Call::Acquire).await.map(Some)
    }

    async fn renew(&self, _request: &LeaseRequest, token: Token) -> Result<Grant> {
        assert_eq!(token, Token::new(7));
        self.play(Call::Renew).await
    }

    async fn release(&self, name: &[u8], token: Token) -> Result<()> {
        assert_eq!(name, b"lease");
        self.0.lock().unwrap().released.push(token);
        Ok(())
    }

    async fn holder(&self, _name: &[u8]) -> Result<Option<Holder>> {
        let grant = self.play(Call::Holder).await?;
        Ok(Some(Holder {
            holder: "holder".into(),
            token: grant.token,
        }))
    }
}

/// Tokio's clock, which can jump ahead of tokio's timers as a suspended machine's clock does.
#[derive(Clone)]
pub(super) struct JumpingClock {
    clock: TokioClock,
    ahead: Arc<Mutex<Duration>>,
}

impl JumpingClock {
    pub(super) fn new() -> Self {
        Self {
            clock: TokioClock::new(),
            ahead: Arc::default(),
        }
    }

    pub(super) fn jump(&self, by: Duration) {
        *self.ahead.lock().unwrap() += by;
    }
}

impl Clock for JumpingClock {
    fn now(&self) -> Moment {
        self.clock.now() + *self.ahead.lock().unwrap()
    }
}
