//! How the program stops: clients are led elsewhere, running calls finish, and the place in the fleet is given back.

use std::sync::Arc;
use std::time::Duration;

use mcpg_cluster::Coordinator;
use mcpg_gateway::Gateway;
use tracing::{info, warn};

use crate::member::Member;
use crate::readiness::{Readiness, Reason};
use crate::signals::{Signals, Told};

/// What there is to stop.
pub(crate) struct Running {
    pub(crate) gateway: Gateway,
    pub(crate) member: Member,
    pub(crate) coordinator: Arc<dyn Coordinator>,
    pub(crate) readiness: Readiness,
    /// How long to serve on after the readiness has turned red.
    pub(crate) drain_delay: Duration,
}

/// How long a program that was told so, or that ends by itself, goes on serving.
///
/// The delay is for whoever looks at `/ready`. Without a listener for operators nobody can, and who presses Ctrl-C does
/// not want to wait.
pub(crate) fn delay(told: Option<Told>, configured: Duration, is_seen: bool) -> Duration {
    match told {
        Some(Told::Terminate) if is_seen => configured,
        _ => Duration::ZERO,
    }
}

impl Running {
    /// Stops in order. Each further signal ends what is waited for.
    pub(crate) async fn stop(self, signals: &mut Signals) {
        self.readiness.add(Reason::Stopping);
        self.gateway.let_go();
        if !self.drain_delay.is_zero() {
            let delay_ms = self.drain_delay.as_millis();
            info!(
                message = "Told to stop: not ready any more, but still serving.",
                delay_ms
            );
            tokio::select! {
                () = tokio::time::sleep(self.drain_delay) => {}
                _ = signals.next() => warn!("Told to stop again: serving ends now."),
            }
        }
        tokio::select! {
            () = self.gateway.stop() => {}
            _ = signals.next() => warn!("Told to stop again: not waiting for running calls any longer."),
        }
        self.member.leave().await;
        if let Err(error) = self.coordinator.close().await {
            warn!(message = "The coordinator did not close cleanly.", %error);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_supervisor_whose_balancer_can_see_it_is_waited_for() {
        let configured = Duration::from_secs(5);
        assert_eq!(delay(Some(Told::Terminate), configured, true), configured);
        assert_eq!(delay(Some(Told::Terminate), configured, false), Duration::ZERO);
        assert_eq!(delay(Some(Told::Interrupt), configured, true), Duration::ZERO);
    }
}
