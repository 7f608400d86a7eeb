//! Every order in which the operations of a call's owner and of others can happen.

use super::*;
use crate::calls::head::State;
use crate::testing::{Orders, Turns};

/// How the owner's call went, with the answers that it got.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Outcome {
    Responded(Vec<(u64, String)>),
    Cancelled,
    Claimed,
}

/// An owner that asks once and looks once.
async fn run(replica: Replica, call: CallKey) -> Outcome {
    let mut open = match begin(&replica, &call).await {
        Ok(open) => open,
        Err(outcome) => return outcome,
    };
    let _ = open.ask().await.unwrap();
    let got = match open.look(None).await.unwrap() {
        Look::Runs(runs) => answers(Look::Runs(runs)),
        _ => Vec::new(),
    };
    finish(&mut open, got).await
}

/// An owner that asks nothing.
async fn run_quietly(replica: Replica, call: CallKey) -> Outcome {
    match begin(&replica, &call).await {
        Ok(mut open) => finish(&mut open, Vec::new()).await,
        Err(outcome) => outcome,
    }
}

async fn begin(replica: &Replica, call: &CallKey) -> Result<Box<OpenCall>, Outcome> {
    match replica.opening(call).open().await.unwrap() {
        Opened::Open(open) => Ok(open),
        Opened::Cancelled => Err(Outcome::Cancelled),
        Opened::Claimed => Err(Outcome::Claimed),
        other => panic!("{other:?}"),
    }
}

async fn finish(open: &mut OpenCall, got: Vec<(u64, String)>) -> Outcome {
    match open.end().await.unwrap() {
        Ended::Mine => Outcome::Responded(got),
        Ended::Refused(Refused::Cancelled) => Outcome::Cancelled,
        Ended::Refused(_) => Outcome::Claimed,
    }
}

async fn give(replica: Replica, call: CallKey, text: &'static str) -> Answered {
    let asked = question(&call, 1);
    replica.calls.answer(&asked, result(text)).await.unwrap()
}

async fn final_state(fleet: &Fleet, call: &CallKey) -> State {
    fleet.head(call).await.unwrap().record.state
}

#[tokio::test(start_paused = true)]
async fn c3_in_every_order_of_two_cancels_and_the_owner_there_is_one_outcome() {
    let mut orders = Orders::default();
    loop {
        let (fleet, turns) = (Fleet::new(), Turns::default());
        let call = fleet.call("1");
        let replica = |number, name| fleet.replica_on(name, turns.way(number, fleet.key_value()));
        let owning = tokio::spawn(run_quietly(replica(0, "a"), call.clone()));
        let cancels = [(1, "b"), (2, "c")].map(|(number, name)| {
            let (replica, call) = (replica(number, name), call.clone());
            tokio::spawn(async move { replica.calls.cancel(&call).await.unwrap() })
        });
        orders.walk(&turns).await;
        let outcome = owning.await.unwrap();
        let mut effective = 0;
        let mut finished = 0;
        for cancelled in cancels {
            match cancelled.await.unwrap() {
                Cancelled::Finished => finished += 1,
                Cancelled::MarkerLeft | Cancelled::Stopped { .. } => effective += 1,
                Cancelled::Already { .. } => {}
            }
        }
        if outcome == Outcome::Cancelled {
            assert_eq!((effective, finished), (1, 0), "{orders:?}");
            assert_eq!(final_state(&fleet, &call).await, State::Cancelled, "{orders:?}");
        } else {
            assert!(matches!(outcome, Outcome::Responded(_)), "{orders:?}");
            assert_eq!((effective, finished), (0, 2), "{orders:?}");
            assert_eq!(final_state(&fleet, &call).await, State::Ended, "{orders:?}");
        }
        if !orders.more() {
            break;
        }
    }
    assert!(orders.runs() > 100, "{} orders", orders.runs());
}

#[tokio::test(start_paused = true)]
async fn p2_in_every_order_of_two_answers_and_the_owner_the_first_one_counts() {
    let mut orders = Orders::default();
    loop {
        let (fleet, turns) = (Fleet::new(), Turns::default());
        let call = fleet.call("1");
        let replica = |number, name| fleet.replica_on(name, turns.way(number, fleet.key_value()));
        let owning = tokio::spawn(run(replica(0, "a"), call.clone()));
        let given = [
            tokio::spawn(give(replica(1, "b"), call.clone(), "1")),
            tokio::spawn(give(replica(2, "c"), call.clone(), "2")),
        ];
        orders.walk(&turns).await;
        let Outcome::Responded(got) = owning.await.unwrap() else {
            panic!("nobody was in its way: {orders:?}");
        };
        let mut taken = Vec::new();
        for (given, text) in given.into_iter().zip(["1", "2"]) {
            if matches!(given.await.unwrap(), Answered::Taken { .. }) {
                taken.push((1, text.to_owned()));
            }
        }
        assert!(taken.len() <= 1, "{orders:?}");
        // An answer that was taken may come after the only look; one that was not taken never arrives.
        assert!(got.is_empty() || got == taken, "{orders:?}: {got:?}, {taken:?}");
        assert_eq!(final_state(&fleet, &call).await, State::Ended);
        if !orders.more() {
            break;
        }
    }
    assert!(orders.runs() > 100, "{} orders", orders.runs());
}

#[tokio::test(start_paused = true)]
async fn i3_in_every_order_of_a_sweep_a_cancel_and_a_paused_owner_there_is_one_outcome() {
    let mut orders = Orders::default();
    loop {
        let (fleet, turns) = (Fleet::new(), Turns::default());
        let call = fleet.call("1");
        let replica = |number, name| fleet.replica_on(name, turns.way(number, fleet.key_value()));
        let (a, b, c) = (replica(0, "a"), replica(1, "b"), replica(2, "c"));
        // Its lease is gone, and it does not know.
        fleet.judge.kill(&a.owner);
        let boot = a.boot.clone();
        let owning = tokio::spawn(run_quietly(a, call.clone()));
        let sweeping = tokio::spawn(async move { b.calls.end_of(&boot, None, 10).await.unwrap() });
        let cancelling = {
            let call = call.clone();
            tokio::spawn(async move { c.calls.cancel(&call).await.unwrap() })
        };
        orders.walk(&turns).await;
        let (outcome, sweep) = (owning.await.unwrap(), sweeping.await.unwrap());
        let cancelled = cancelling.await.unwrap();
        assert_eq!(sweep.kept, 0);
        let expected = match (sweep.ended, &cancelled) {
            (1, Cancelled::Finished) => State::Ended,
            (1, _) => panic!("two ends: {orders:?}"),
            (_, Cancelled::Finished) => State::Ended,
            _ => State::Cancelled,
        };
        assert_eq!(final_state(&fleet, &call).await, expected, "{orders:?}");
        let allowed = match &outcome {
            Outcome::Cancelled => expected == State::Cancelled,
            Outcome::Claimed => sweep.ended == 1,
            Outcome::Responded(_) => expected == State::Ended && sweep.ended == 0,
        };
        assert!(allowed, "{orders:?}: {outcome:?}, {sweep:?}, {cancelled:?}");
        if !orders.more() {
            break;
        }
    }
    assert!(orders.runs() > 100, "{} orders", orders.runs());
}

#[tokio::test(start_paused = true)]
async fn i3_in_every_order_of_a_sweep_and_an_owner_that_has_a_lease_again_there_is_one_outcome() {
    let mut orders = Orders::default();
    loop {
        let (fleet, turns) = (Fleet::new(), Turns::default());
        let call = fleet.call("1");
        let replica = |number, name| fleet.replica_on(name, turns.way(number, fleet.key_value()));
        let (a, b) = (replica(0, "a"), replica(1, "b"));
        let mut open = fleet.replica("a").open(&call).await;
        fleet.judge.kill(&a.owner);
        let boot = a.boot.clone();
        // The handle of the owner itself is moved to the way that is walked.
        open.go_by(a.calls.clone());
        let owner = OwnerPair {
            token: 2,
            ..a.owner.clone()
        };
        let owning = tokio::spawn(async move {
            let kept = open.keep_alive(&owner).await.unwrap();
            (matches!(kept, Look::Runs(_)), open.end().await.unwrap())
        });
        let sweeping = tokio::spawn(async move { b.calls.end_of(&boot, None, 10).await.unwrap() });
        orders.walk(&turns).await;
        let (kept, ended) = owning.await.unwrap();
        let swept = sweeping.await.unwrap().ended;
        if kept {
            assert_eq!((ended, swept), (Ended::Mine, 0), "{orders:?}");
        } else {
            assert_eq!(
                (ended, swept),
                (Ended::Refused(Refused::Claimed), 1),
                "{orders:?}"
            );
        }
        if !orders.more() {
            break;
        }
    }
    assert!(orders.runs() > 20, "{} orders", orders.runs());
}
