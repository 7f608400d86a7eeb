//! Openings, questions, answers, cancels, crashes and sweeps at once, over a bad network, in many orders.

use std::collections::BTreeMap;

use parking_lot::Mutex;
use tokio::task::{JoinHandle, LocalSet, spawn_local};

use super::*;
use crate::calls::head::State;
use crate::testing::{Chaos, Dice, Odds};

const SCHEDULES: u64 = 1_500;
const LATE_MS: u64 = 8_000;

/// What everybody was told.
#[derive(Debug, Default)]
struct Told {
    responded: bool,
    owner_cancelled: bool,
    /// Answers that the owner got, by number.
    answers: Vec<(u64, String)>,
    /// Answers that a replica says it was the first to give.
    taken: Vec<(u64, String)>,
    cancels: Vec<Cancelled>,
}

type Shared = Arc<Mutex<Told>>;

fn odds(dice: &mut Dice) -> Odds {
    let calm = dice.hits(20);
    let share = |dice: &mut Dice| if calm { 0 } else { dice.below(9) };
    Odds {
        unreachable: share(dice),
        lost: share(dice),
        unanswered: share(dice),
        late: share(dice),
        twice: share(dice),
        slow_ms: 1 + dice.below(40),
        late_ms: LATE_MS,
    }
}

fn pause(dice: &mut Dice) -> Duration {
    Duration::from_millis(dice.below(120))
}

async fn settle<T, E>(mut step: impl AsyncFnMut() -> Result<T, E>) -> T {
    loop {
        match step().await {
            Ok(done) => return done,
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

async fn own(replica: Replica, call: CallKey, mut dice: Dice, told: Shared) {
    tokio::time::sleep(pause(&mut dice)).await;
    let mut opening = replica.opening(&call);
    let mut open = match settle(async || opening.open().await).await {
        Opened::Open(open) => open,
        Opened::Cancelled => {
            told.lock().owner_cancelled = true;
            return;
        }
        Opened::Claimed => return,
        other => panic!("{other:?}"),
    };
    for _ in 0..6 {
        let look = match dice.below(3) {
            0 => {
                let _ = open.ask().await;
                continue;
            }
            1 => open.look(None).await,
            _ => open.keep_alive(&replica.owner).await,
        };
        if let Ok(Look::Runs(_)) = &look {
            told.lock().answers.extend(answers(look.unwrap()));
        }
        tokio::time::sleep(pause(&mut dice)).await;
    }
    match settle(async || open.end().await).await {
        Ended::Mine => told.lock().responded = true,
        Ended::Refused(Refused::Cancelled) => told.lock().owner_cancelled = true,
        Ended::Refused(_) => {}
    }
    open.tidy().await;
}

async fn answer(replica: Replica, call: CallKey, mut dice: Dice, told: Shared, name: &'static str) {
    for number in 1..=3 {
        tokio::time::sleep(pause(&mut dice)).await;
        let text = format!("\"{name}{number}\"");
        let asked = question(&call, number);
        let given = settle(async || replica.calls.answer(&asked, result(&text)).await).await;
        if matches!(given, Answered::Taken { .. }) {
            told.lock().taken.push((number, text));
        }
    }
}

async fn cancel(replica: Replica, call: CallKey, mut dice: Dice, told: Shared) {
    tokio::time::sleep(pause(&mut dice) * 4).await;
    let cancelled = settle(async || replica.calls.cancel(&call).await).await;
    told.lock().cancels.push(cancelled);
}

async fn sweep(replica: &Replica, boot: &BootId) {
    loop {
        let step = settle(async || replica.calls.end_of(boot, None, 10).await).await;
        if step.next.is_none() && step.ended == 0 && step.kept == 0 {
            return;
        }
    }
}

fn check(seed: u64, told: &Told, crashed: bool) {
    let effective = told
        .cancels
        .iter()
        .any(|cancelled| *cancelled != Cancelled::Finished);
    if effective {
        assert!(
            !told.responded,
            "seed {seed}: a response after a cancel: {told:?}"
        );
    }
    if told.owner_cancelled {
        assert!(!told.cancels.is_empty(), "seed {seed}");
    }
    if !crashed && !effective {
        assert!(told.responded, "seed {seed}: no response and no cancel: {told:?}");
    }
    let mut first = BTreeMap::new();
    for (number, text) in &told.answers {
        let before = first.insert(*number, text);
        assert_eq!(before, None, "seed {seed}: answer {number} came twice: {told:?}");
    }
    let mut taken = BTreeMap::new();
    for (number, text) in &told.taken {
        assert_eq!(taken.insert(*number, text), None, "seed {seed}: {told:?}");
        if let Some(got) = first.get(number) {
            assert_eq!(got, &text, "seed {seed}: another answer than the first: {told:?}");
        }
    }
}

/// One run: everything in it follows from the seed.
struct Schedule {
    seed: u64,
    fleet: Fleet,
    call: CallKey,
    told: Shared,
    odds: Odds,
    /// Impatient replicas meet their own undecided writes again.
    patience: Duration,
}

impl Schedule {
    fn new(seed: u64, dice: &mut Dice) -> Self {
        let fleet = Fleet::new();
        Self {
            seed,
            call: fleet.call("1"),
            fleet,
            told: Shared::default(),
            odds: odds(dice),
            patience: Duration::from_millis(10 + dice.below(400)),
        }
    }

    fn random(&self, number: u64) -> Dice {
        Dice::new(self.seed * 8 + number)
    }

    fn replica(&self, name: &str, number: u64) -> Replica {
        let chaos = Chaos::new(self.fleet.key_value(), self.odds, self.seed * 8 + number);
        self.fleet.replica_with(name, chaos, self.patience)
    }

    fn answer(&self, name: &'static str, number: u64) -> JoinHandle<()> {
        let (replica, dice) = (self.replica(name, number), self.random(number + 2));
        spawn_local(answer(replica, self.call.clone(), dice, self.told.clone(), name))
    }

    fn cancel(&self, name: &str, number: u64) -> JoinHandle<()> {
        let (replica, dice) = (self.replica(name, number), self.random(number + 2));
        spawn_local(cancel(replica, self.call.clone(), dice, self.told.clone()))
    }

    /// Calls the owner dead, which it may be, or paused for ever, or healthy: nobody else can tell.
    async fn kill(&self, owner: &OwnerPair, boot: &BootId) {
        self.fleet.judge.kill(owner);
        sweep(&self.replica("b", 7), boot).await;
    }
}

async fn schedule(seed: u64) {
    let mut dice = Dice::new(seed);
    let schedule = Schedule::new(seed, &mut dice);
    let crash = dice.hits(30).then(|| pause(&mut dice) * 6);
    let a = schedule.replica("a", 1);
    let (owner, boot) = (a.owner.clone(), a.boot.clone());
    let owning = spawn_local(own(
        a,
        schedule.call.clone(),
        schedule.random(2),
        schedule.told.clone(),
    ));
    let mut others = vec![schedule.answer("b", 3), schedule.answer("c", 4)];
    if dice.hits(60) {
        others.extend([schedule.cancel("b", 5), schedule.cancel("c", 6)]);
    }
    if let Some(after) = crash {
        tokio::time::sleep(after).await;
        if dice.hits(50) {
            owning.abort();
        }
        schedule.kill(&owner, &boot).await;
    }
    for other in others {
        other.await.unwrap();
    }
    if let Err(error) = owning.await {
        assert!(error.is_cancelled(), "seed {seed}: {error}");
    }
    tokio::time::sleep(Duration::from_millis(2 * LATE_MS)).await;
    if crash.is_some() {
        schedule.kill(&owner, &boot).await;
    }
    check(seed, &schedule.told.lock(), crash.is_some());
    let left = schedule.fleet.head(&schedule.call).await;
    let open = left.is_some_and(|head| head.record.state == State::Open);
    assert!(!open, "seed {seed}: a head that nobody ends");
}

#[tokio::test(start_paused = true)]
async fn c3_every_schedule_has_exactly_one_outcome() {
    let local = LocalSet::new();
    for seed in 0..SCHEDULES {
        local.run_until(schedule(seed)).await;
    }
}
