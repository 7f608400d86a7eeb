//! Connects to an upstream, and connects again whenever it was lost.

use std::sync::Arc;
use std::time::Duration;

use mcpg_config::app::Retry;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::core::Upstream;
use super::hold::{Parting, same_items};
use super::state::{Offer, State, Status};

/// What is still to be told to the upstream when the gateway stops is worth this long.
const FAREWELL: Duration = Duration::from_secs(2);
/// Processes end by themselves when their standard input is closed, or are ended.
const FAREWELL_TO_CHILDREN: Duration = Duration::from_secs(5);
/// An upstream that forgets its sessions more often than this is treated like one that dies.
const STEADY: Duration = Duration::from_secs(1);
/// The same for programs, whose start costs more than a connection.
const STEADY_CHILD: Duration = Duration::from_secs(10);

/// How long to wait before the next attempt: twice as long each time, up to a limit, and never the same for all
/// replicas that have lost the same upstream.
struct Backoff {
    retry: Retry,
    failures: u32,
}

impl Upstream {
    /// Finds out what the upstream offers and keeps [`Upstream::states`] up to date until `stop`; then closes what it
    /// has opened. It reports the death of an upstream once, and its return once.
    pub(crate) async fn supervise(self: Arc<Self>, stop: CancellationToken) {
        // It lives as long as the gateway and is large.
        stop.run_until_cancelled(Box::pin(self.keep())).await;
        let limit = if self.is_child() {
            FAREWELL_TO_CHILDREN
        } else {
            FAREWELL
        };
        let farewell = timeout(limit, async {
            if let Some(children) = self.transport.children() {
                // All at once: one that has to be forced takes its time.
                children.end_all().await;
            }
            self.end_shared_session().await;
            self.tasks.close();
            self.tasks.wait().await;
        });
        if farewell.await.is_err() {
            debug!(
                message = "An upstream did not take its leave in time.",
                upstream = self.name()
            );
        }
    }

    async fn keep(&self) {
        let mut backoff = Backoff {
            retry: self.settings.retry,
            failures: 0,
        };
        loop {
            let began = Instant::now();
            let parting = match self.probe().await {
                Ok(found) => self.hold(&found).await,
                Err(error) => Parting::Gone(error.into_cause()),
            };
            let parting = self.end_of_child().map_or(parting, Parting::Gone);
            let steady = if self.is_child() { STEADY_CHILD } else { STEADY };
            if self.state.borrow().status.is_up() && began.elapsed() >= steady {
                backoff.failures = 0;
            }
            self.let_go().await;
            match parting {
                Parting::Renew => {
                    debug!(
                        message = "An upstream has forgotten the shared session.",
                        upstream = self.name()
                    );
                    if backoff.failures == 0 && began.elapsed() >= STEADY {
                        continue;
                    }
                }
                Parting::Gone(cause) => self.report_down(cause),
            }
            sleep(backoff.next()).await;
        }
    }

    /// Why a process that everybody uses has ended, which says more than what it did to whoever used it.
    fn end_of_child(&self) -> Option<String> {
        self.transport.children()?.cause_of_end()
    }

    fn report_down(&self, cause: String) {
        let state = self.state();
        if state.status.is_down() {
            debug!(
                message = "An upstream is still down.",
                upstream = self.name(),
                cause
            );
            return;
        }
        warn!(message = "An upstream is down.", upstream = self.name(), cause);
        self.meter.is_up(false, false);
        self.state.send_replace(Arc::new(State {
            status: Status::Down {
                cause,
                since: Instant::now(),
            },
            legacy: state.legacy.clone(),
            modern: state.modern.clone(),
        }));
    }

    /// Publishes what an upstream that answers offers; nothing, when that is published already.
    pub(super) fn publish(&self, legacy: Option<Arc<Offer>>, modern: Option<Arc<Offer>>) {
        let before = self.state();
        self.meter.is_up(legacy.is_some(), modern.is_some());
        let (upstream, speaks) = (self.name(), spoken(legacy.as_deref(), modern.as_deref()));
        match &before.status {
            Status::Connecting => info!(message = "An upstream is connected.", upstream, speaks),
            Status::Down { since, .. } => {
                let after_ms = since.elapsed().as_millis();
                info!(message = "An upstream is back.", upstream, speaks, after_ms);
                self.meter.came_back();
            }
            Status::Up => {
                let same = |one: &Option<Arc<Offer>>, other: &Option<Arc<Offer>>| match (one, other) {
                    (Some(one), Some(other)) => same_offer(one, other),
                    (one, other) => one.is_none() && other.is_none(),
                };
                if same(&before.legacy, &legacy) && same(&before.modern, &modern) {
                    return;
                }
            }
        }
        self.state.send_replace(Arc::new(State {
            status: Status::Up,
            legacy,
            modern,
        }));
    }
}

impl Backoff {
    fn next(&mut self) -> Duration {
        let full = self
            .retry
            .initial
            .saturating_mul(1 << self.failures.min(20))
            .min(self.retry.max);
        self.failures = self.failures.saturating_add(1);
        // Without randomness all replicas come at once, which is no reason to give up.
        let random = getrandom::u64().unwrap_or(u64::MAX);
        let share = 0.5 + 0.5 * (random >> 11) as f64 / (1_u64 << 53) as f64;
        full.mul_f64(share)
    }
}

fn spoken(legacy: Option<&Offer>, modern: Option<&Offer>) -> String {
    let versions: Vec<&str> = [legacy, modern]
        .into_iter()
        .flatten()
        .map(|offer| offer.version.as_str())
        .collect();
    versions.join(", ")
}

fn same_offer(one: &Offer, other: &Offer) -> bool {
    let text = |raw: &Option<Box<serde_json::value::RawValue>>| raw.as_ref().map(|raw| raw.get().to_owned());
    one.version == other.version
        && one.mints_sessions == other.mints_sessions
        && one.instructions == other.instructions
        && one.capabilities.get() == other.capabilities.get()
        && text(&one.server_info) == text(&other.server_info)
        && same_items(&one.tools, &other.tools)
        && same_items(&one.prompts, &other.prompts)
        && same_items(&one.resources, &other.resources)
        && same_items(&one.resource_templates, &other.resource_templates)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_back_off_grows_to_its_limit_and_is_never_the_same_for_all() {
        let retry = Retry {
            initial: Duration::from_millis(250),
            max: Duration::from_secs(5),
        };
        let mut backoff = Backoff { retry, failures: 0 };
        let mut full = Duration::from_millis(250);
        for _ in 0..40 {
            let pause = backoff.next();
            assert!(pause >= full / 2 && pause <= full, "{pause:?} of {full:?}");
            full = (full * 2).min(retry.max);
        }
    }
}
