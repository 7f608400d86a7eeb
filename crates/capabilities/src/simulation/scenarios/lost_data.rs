//! The backend loses its data: everybody ends with one incarnation, and nothing that was remembered is used.

use std::time::Duration;

use tokio::time::sleep;

use crate::mac::MacKey;
use crate::sessions::{SessionError, SessionId};
use crate::simulation::chaos::trouble;
use crate::simulation::node::{Node, VALIDITY};
use crate::simulation::{Faults, World, for_seeds};
use crate::testing::tester;

/// After this no copy of a write arrives any more.
const LATEST_COPY: Duration = Duration::from_millis(1_500);
const INCARNATION: &str = "meta|incarnation";

/// Uses a session at every replica, over and over, so that everybody remembers it.
async fn users(nodes: Vec<Node>, session: String) {
    loop {
        for node in &nodes {
            let _ = node.admit(&session).await;
        }
        sleep(Duration::from_millis(300)).await;
    }
}

async fn lose_data_in_trouble(world: World) {
    let nodes = Node::boot_all(&world).await;
    let Some(session) = nodes[0].open_session().await else {
        return;
    };
    // A copy of the opening that arrives after the loss would write the session anew, and rightly so.
    sleep(LATEST_COPY).await;
    let using = tokio::spawn(users(nodes.clone(), session.clone()));
    trouble(&world, &nodes, 1).await;
    world.lose_everything();
    trouble(&world, &nodes, 1).await;
    using.abort();
    world.set_faults(Faults::none());
    sleep(VALIDITY * 2).await;
    let gone = SessionId::mint(&MacKey::new([7; 16]), &tester());
    for node in &nodes {
        for id in [&session, gone.as_str()] {
            match node.admit(id).await {
                Some(Err(SessionError::Unknown)) => {}
                other => world.violated(format!("a session that was lost is answered {other:?}")),
            }
        }
    }
    let writes = world.puts_of(INCARNATION);
    if writes == 0 || writes > nodes.len() {
        world.violated(format!(
            "the incarnation was written {writes} times after one loss"
        ));
    }
    for _ in 0..5 {
        for node in &nodes {
            let _ = node.admit(gone.as_str()).await;
        }
    }
    if world.puts_of(INCARNATION) != writes {
        world.violated("the incarnation is written again though nothing was lost");
    }
}

#[test]
fn one_loss_of_data_is_one_new_incarnation_and_nothing_remembered_survives() {
    let faults = Faults {
        double_after: 1..u64::try_from(LATEST_COPY.as_millis()).expect("a short time"),
        ..Faults::usual()
    };
    for_seeds(20, &faults, lose_data_in_trouble);
}
