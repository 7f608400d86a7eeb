//! What happens when the backend lost its data.

use std::time::Duration;

use tokio::time::sleep;

use crate::mac::MacKey;
use crate::sessions::SessionId;
use crate::simulation::node::Node;
use crate::simulation::{Faults, breaks_without};
use crate::testing::tester;
use crate::weakness::Weakness;

#[test]
fn replicas_that_find_it_changed_do_not_repair_each_other_for_ever() {
    breaks_without(Weakness::RepairsChanges, &Faults::none(), |world| async move {
        let nodes = Node::boot_all(&world).await;
        world.lose_everything();
        let gone = SessionId::mint(&MacKey::new([7; 16]), &tester());
        for _ in 0..20 {
            for node in &nodes {
                // Whoever is asked for a session that is not there compares.
                let _ = node.admit(gone.as_str()).await;
                sleep(Duration::from_millis(100)).await;
            }
        }
        let writes = world.puts_of("meta|incarnation");
        if writes > 2 {
            world.violated(format!(
                "the incarnation was written {writes} times after one loss"
            ));
        }
    });
}
