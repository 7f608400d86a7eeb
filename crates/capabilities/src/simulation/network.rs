//! The way of a request to the backend and of its answer back.

use std::future::pending;
use std::time::Duration;

use bytes::Bytes;
use mcpg_cluster::{Error, ErrorKind, Result};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout};

use super::World;
use super::answer::{Answer, Request};
use super::faults::chance;
use super::replica::ReplicaFate;
use super::schedule::{Fate, Hold};
use super::world::State;

/// Everything that will happen to one request, drawn when it is sent.
#[derive(Default)]
struct Plan {
    before: Duration,
    after: Duration,
    age: Duration,
    is_lost: bool,
    is_resent: bool,
    answer_is_lost: bool,
    /// When the replica notices the loss before its own timeout.
    noticed_after: Option<Duration>,
    double_after: Option<Duration>,
    hold_request: Option<Hold>,
    hold_answer: Option<Hold>,
    hold_copy: Option<Hold>,
    fate: Option<ReplicaFate>,
}

impl Plan {
    fn draw(state: &mut State, replica: usize, request: &Request) -> Self {
        let State { random, faults, .. } = state;
        let mut plan = Self {
            before: faults.draw_delay(random),
            after: faults.draw_delay(random),
            age: faults.draw_age(random),
            is_lost: chance(random, faults.lose_request),
            answer_is_lost: chance(random, faults.lose_answer),
            ..Self::default()
        };
        if plan.is_lost || plan.answer_is_lost {
            plan.noticed_after = random.bool().then(|| faults.draw_delay(random));
        }
        if request.writes() {
            // A client that lost its answer may also have a request that is still under way.
            if plan.answer_is_lost && chance(random, 300) {
                plan.before = Duration::from_millis(random.u64(faults.double_after.clone()));
            }
            plan.is_resent = chance(random, faults.resend);
            plan.double_after = faults.draw_double(random);
        }
        plan.fate = state.replicas[replica]
            .fate_at
            .filter(|(operation, _)| *operation == state.replicas[replica].operations)
            .map(|(_, fate)| fate);
        let found = state
            .rules
            .iter_mut()
            .position(|rule| rule.takes(replica, request));
        if let Some(position) = found {
            plan.obey(state.rules.remove(position).fate);
        }
        plan
    }

    fn obey(&mut self, fate: Fate) {
        match fate {
            Fate::LoseRequest => {
                self.is_lost = true;
                self.noticed_after = Some(Duration::from_millis(1));
            }
            Fate::LoseAnswer => {
                self.answer_is_lost = true;
                self.noticed_after = Some(self.before + self.after);
            }
            Fate::HoldRequest(hold) => self.hold_request = Some(hold),
            Fate::HoldAnswer(hold) => self.hold_answer = Some(hold),
            Fate::HoldCopy(hold) => self.hold_copy = Some(hold),
            Fate::CrashAfter => self.fate = Some(ReplicaFate::CrashAfter),
        }
    }
}

impl World {
    /// Sends a request as a replica and waits for what that replica learns about it.
    pub(super) async fn call(&self, replica: usize, request: Request) -> Result<Answer> {
        self.gate(replica).await;
        let (mut plan, patience) = self.with(|state| {
            state.replicas[replica].operations += 1;
            let plan = Plan::draw(state, replica, &request);
            state.note(Some(replica), &format!("sends {request}"));
            (plan, state.faults.operation_timeout)
        });
        let fate = plan.fate.take();
        match fate {
            Some(ReplicaFate::CrashBefore) => self.die(replica).await,
            Some(ReplicaFate::Pause(time)) => self.pause(replica, time),
            Some(ReplicaFate::CrashAfter) | None => {}
        }
        let reachable = self.with(|state| state.is_reachable(replica));
        if !reachable && self.chance(500) {
            sleep(plan.before).await;
            self.gate(replica).await;
            return Err(Error::new(ErrorKind::Unavailable, "no connection"));
        }
        let writes = request.writes();
        let (sender, answer) = oneshot::channel();
        let noticed_after = plan.noticed_after.take().unwrap_or(patience).min(patience);
        let lost = plan.is_lost || plan.answer_is_lost || !reachable;
        let limit = if lost { noticed_after } else { patience };
        tokio::spawn(self.clone().transmit(replica, request, plan, sender));
        let answer = timeout(limit, async {
            match answer.await {
                Ok(answer) => answer,
                Err(_) => pending().await,
            }
        });
        let answer = answer.await;
        if matches!(fate, Some(ReplicaFate::CrashAfter)) {
            self.die(replica).await;
        }
        self.gate(replica).await;
        answer.unwrap_or_else(|_| {
            // A read has no outcome that matters.
            let kind = if writes {
                ErrorKind::Indeterminate
            } else {
                ErrorKind::Unavailable
            };
            self.note(Some(replica), &format!("finds {kind}"));
            Err(Error::new(kind, "no answer in time"))
        })
    }

    fn pause(&self, replica: usize, time: Duration) {
        self.change(replica, "paused", |state| state.is_paused = true);
        let world = self.clone();
        tokio::spawn(async move {
            sleep(time).await;
            world.change(replica, "resumed", |state| state.is_paused = false);
        });
    }

    async fn die(&self, replica: usize) {
        self.with(|state| {
            state.note(Some(replica), "crashed");
            state.replicas[replica].is_crashed = true;
        });
        self.flip();
        pending::<()>().await;
    }

    async fn transmit(
        self,
        replica: usize,
        request: Request,
        plan: Plan,
        sender: oneshot::Sender<Result<Answer>>,
    ) {
        sleep(plan.before).await;
        if let Some(hold) = &plan.hold_request {
            hold.wait_here().await;
        }
        self.until(|state| !state.is_stopped).await;
        let arrives = self.with(|state| !plan.is_lost && state.is_reachable(replica));
        if let Some(hold) = &plan.hold_request {
            hold.passed();
        }
        if !arrives {
            return;
        }
        if let Some(after) = plan.double_after {
            tokio::spawn(self.clone().apply_copy(replica, request.clone(), after, None));
        }
        if let Some(hold) = plan.hold_copy {
            let copy = self
                .clone()
                .apply_copy(replica, request.clone(), Duration::ZERO, Some(hold));
            tokio::spawn(copy);
        }
        let mut answer = self.apply(replica, &request, plan.age);
        if plan.is_resent {
            answer = self.apply(replica, &request, plan.age);
        }
        if let Some(hold) = &plan.hold_answer {
            hold.wait_here().await;
        }
        sleep(plan.after).await;
        if !plan.answer_is_lost && self.with(|state| state.is_reachable(replica)) {
            let _ = sender.send(answer);
        }
        if let Some(hold) = &plan.hold_answer {
            hold.passed();
        }
    }

    /// Executes a second copy of a write, whose answer nobody waits for.
    async fn apply_copy(self, replica: usize, request: Request, after: Duration, hold: Option<Hold>) {
        sleep(after).await;
        if let Some(hold) = &hold {
            hold.wait_here().await;
        }
        self.until(|state| !state.is_stopped && !state.is_out).await;
        self.note(Some(replica), "a copy arrives");
        let _ = self.apply(replica, &request, Duration::ZERO);
        if let Some(hold) = &hold {
            hold.passed();
        }
    }

    fn apply(&self, replica: usize, request: &Request, age: Duration) -> Result<Answer> {
        let answer = self.with(|state| {
            state.store.expire();
            let answer = execute(state, replica, request, age);
            let shown = match &answer {
                Ok(answer) => answer.to_string(),
                Err(error) => error.kind().to_string(),
            };
            state.note(
                Some(replica),
                &format!("does {:?} {}: {shown}", request.kind(), request.subject()),
            );
            answer
        });
        self.feed();
        if request.writes() {
            self.wrote();
        }
        self.start_streams();
        answer
    }
}

fn execute(state: &mut State, replica: usize, request: &Request, age: Duration) -> Result<Answer> {
    let now = Instant::now();
    let as_of = now.checked_sub(age).unwrap_or(now);
    let store = &mut state.store;
    Ok(match request {
        Request::Get(key) => Answer::Entry(store.get(key, as_of)),
        Request::Put {
            key,
            value,
            expect,
            ttl,
        } => Answer::Version(store.put(key, value, *expect, *ttl)?),
        Request::Delete(key, expect) => {
            store.delete(key, *expect)?;
            Answer::Done
        }
        Request::List {
            scope,
            prefix,
            cursor,
            limit,
        } => Answer::Page(store.list(scope, prefix, cursor.as_ref(), *limit, as_of)),
        Request::Touch(key, ttl, version) => Answer::Version(store.touch(key, *ttl, *version)?),
        Request::Acquire(request) => Answer::Grant(store.leases.acquire(request)),
        Request::Renew(request, token) => Answer::Grant(Some(store.leases.renew(request, *token)?)),
        Request::Release(name, token) => {
            store.leases.release(name, *token);
            Answer::Done
        }
        Request::Holder(name) => Answer::Holder(store.leases.holder(name)),
        Request::Watch(scope, prefix) => {
            let snapshot = store.state(scope, prefix, now);
            Answer::Changes(
                state
                    .watchers
                    .add(replica, scope.clone(), prefix.clone(), snapshot),
            )
        }
        Request::Publish(topic, payload) => {
            publish(state, topic, payload);
            Answer::Done
        }
        Request::Subscribe(topic) => Answer::Messages(state.subscribers.add(replica, topic.clone())),
    })
}

fn publish(state: &mut State, topic: &Bytes, payload: &Bytes) {
    let State {
        subscribers,
        faults,
        random,
        ..
    } = state;
    subscribers.tell(topic, payload, faults, random);
}
