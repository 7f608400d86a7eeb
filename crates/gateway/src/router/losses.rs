//! Finds out which calls others have ended while this replica was taken for dead.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::core::Router;

/// The pause before a replica without a lease is asked again.
const ASK_AGAIN: Duration = Duration::from_secs(1);

impl Router {
    /// Lets all calls look at their heads whenever the lease was lost, for as long as the router runs. One that waits for
    /// an answer would learn by nothing else that it is over: its mail was swept with what the dead leave behind.
    pub(crate) fn watch_own_lease(self: &Arc<Self>) {
        let router = Arc::clone(self);
        self.tasks.spawn(async move {
            let _: Option<()> = router.stop.run_until_cancelled(router.look_after_losses()).await;
        });
    }

    async fn look_after_losses(&self) {
        let replica = &self.heads.replica;
        // By the end of this everybody who wants to has called the former lease dead.
        let half = replica.take_over_bound() / 2;
        loop {
            let Some((_, lease)) = replica.hold() else {
                sleep(ASK_AGAIN).await;
                continue;
            };
            lease.lost().await;
            self.look_at_all();
            for _ in 0..2 {
                sleep(half).await;
                self.look_at_all();
            }
        }
    }
}
