//! Session cache and DELETE.

use std::time::Duration;

use tokio::time::sleep;

use crate::simulation::ledger::Ledger;
use crate::simulation::node::{IDLE, Node, VALIDITY};
use crate::simulation::{Fate, Faults, Hold, Kind, Pattern, World, breaks_without};
use crate::weakness::Weakness;

const LONG_IDLE: Duration = Duration::from_secs(1_200);

struct Fleet {
    a: Node,
    b: Node,
    c: Node,
    ledger: Ledger,
    session: String,
}

/// Three replicas with fresh views, and a session that was opened at the first one.
async fn fleet(world: &World, idle: Duration) -> Fleet {
    let boot = async |name| {
        Node::boot_with(world, name, idle)
            .await
            .expect("nobody dies here")
    };
    let (a, b, c) = (boot("a").await, boot("b").await, boot("c").await);
    for node in [&a, &b, &c] {
        node.fresh().await;
    }
    let ledger = Ledger::new(world);
    let session = a.open_session().await.expect("nobody dies here");
    ledger.created(&session);
    Fleet {
        a,
        b,
        c,
        ledger,
        session,
    }
}

#[test]
fn asleep_past_the_retention_no_old_entry_is_trusted() {
    let latest_only = Faults {
        merge: 1_000,
        ..Faults::none()
    };
    breaks_without(Weakness::TrustsOldEvents, &latest_only, |world| async move {
        let Fleet {
            a,
            b,
            ledger,
            session,
            ..
        } = fleet(&world, LONG_IDLE).await;
        ledger.admit(&b, &session).await;
        b.replica.pause();
        ledger.close(&a, &session).await;
        // The closing expires in the feed meanwhile; of both only the end is shown to a watcher.
        sleep(VALIDITY * 15).await;
        b.replica.resume();
        sleep(VALIDITY).await;
        b.fresh().await;
        ledger.admit(&b, &session).await;
    });
}

#[test]
fn a_stale_read_after_the_closing_was_seen_makes_nothing_usable() {
    let stale_reads = Duration::from_secs(8);
    let stale = Faults {
        stale_reads,
        ..Faults::none()
    };
    breaks_without(Weakness::ReadsAreEnough, &stale, |world| async move {
        let Fleet {
            a,
            b,
            ledger,
            session,
            ..
        } = fleet(&world, LONG_IDLE).await;
        sleep(2 * stale_reads).await;
        ledger.admit(&b, &session).await;
        ledger.close(&a, &session).await;
        for _ in 0..20 {
            ledger.admit(&b, &session).await;
        }
    });
}

#[test]
fn a_record_that_expires_without_a_word_is_not_used_any_more() {
    breaks_without(Weakness::EntriesNeverAge, &Faults::none(), |world| async move {
        let Fleet {
            b,
            c,
            ledger,
            session,
            ..
        } = fleet(&world, IDLE).await;
        for _ in 0..20 {
            ledger.admit(&b, &session).await;
            sleep(IDLE / 10).await;
        }
        ledger.admit(&c, &session).await;
        sleep(VALIDITY * 2).await;
        ledger.admit(&b, &session).await;
    });
}

#[test]
fn a_late_copy_of_initialize_does_not_resurrect_a_closed_session() {
    for missing in [Weakness::LeavesNoTombstone, Weakness::ShortTombstone] {
        breaks_without(missing, &Faults::none(), |world| async move {
            let copy = Hold::new();
            let created = Pattern::new(Kind::Put, "sessions|").with_value("open");
            world.on(created, Fate::HoldCopy(copy.clone()));
            let Fleet {
                a,
                b,
                ledger,
                session,
                ..
            } = fleet(&world, IDLE).await;
            ledger.close(&a, &session).await;
            sleep(IDLE / 2).await;
            copy.release().await;
            ledger.admit(&b, &session).await;
        });
    }
}

#[test]
fn a_stale_list_of_members_misses_nobody() {
    let stale_reads = Duration::from_secs(30);
    let stale = Faults {
        stale_reads,
        touches_write: Some(false),
        ..Faults::none()
    };
    breaks_without(Weakness::ListsThoughStale, &stale, |world| async move {
        let Fleet { a, ledger, .. } = fleet(&world, LONG_IDLE).await;
        let mut sessions = Vec::new();
        for _ in 0..5 {
            let session = a.open_session().await.expect("nobody dies here");
            ledger.created(&session);
            sessions.push(session);
        }
        sleep(2 * stale_reads).await;
        // Before each DELETE somebody joins whom an old list does not have yet.
        for (number, session) in sessions.iter().enumerate() {
            let name = format!("late{number}");
            let late = Node::boot(&world, &name).await.expect("nobody dies here");
            late.fresh().await;
            ledger.admit(&late, session).await;
            late.replica.deafen();
            ledger.close(&a, session).await;
            ledger.admit(&late, session).await;
            late.replica.listen();
        }
    });
}

#[test]
fn who_meets_a_tombstone_tells_the_fleet_himself() {
    breaks_without(Weakness::WaitsOnly, &Faults::none(), |world| async move {
        let Fleet {
            a,
            b,
            c,
            ledger,
            session,
        } = fleet(&world, LONG_IDLE).await;
        ledger.admit(&c, &session).await;
        let entombed = Pattern::new(Kind::Put, "sessions|").by(a.replica.index());
        world.on(entombed, Fate::CrashAfter);
        ledger.close(&a, &session).await;
        ledger.close(&b, &session).await;
        ledger.admit(&c, &session).await;
    });
}
