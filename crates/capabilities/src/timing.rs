//! Waiting on a clock of the contract.

use std::time::Duration;

use mcpg_cluster::{Clock, Moment};

/// Timers may stand still while the machine is suspended, so none is set for longer than this.
const LONGEST_TIMER: Duration = Duration::from_secs(1);

/// Waits until `clock` shows `due`; a clock that runs at another speed than the timers is asked again and again.
pub(crate) async fn sleep_until(clock: &dyn Clock, due: Moment) {
    loop {
        let left = due.saturating_since(clock.now());
        if left.is_zero() {
            return;
        }
        tokio::time::sleep(left.min(LONGEST_TIMER).max(Duration::from_millis(1))).await;
    }
}
