//! What sessions need of a coordinator, compared with what it declares.

use std::time::Duration;

use mcpg_cluster::{Support, Survival, TokenSurvival};
use mcpg_config::app::Server;

/// How much longer a session's record lives than the session may be idle, in quarters of the idle timeout.
const RECORD_QUARTERS: u32 = 5;

/// How many validities of the session cache an invalidation is kept.
const RETENTION_VALIDITIES: u32 = 10;

/// A setting that the backend cannot keep.
#[derive(Debug)]
pub(super) struct Limit {
    /// What the configuration asks for.
    pub(super) wanted: String,
    /// What the backend does instead.
    pub(super) kept: String,
    /// What to change.
    pub(super) remedy: String,
}

/// The first setting that is out of the backend's bounds.
pub(super) fn limit(support: &Support, server: &Server) -> Option<Limit> {
    let record = server.session_idle_timeout.saturating_mul(RECORD_QUARTERS) / 4;
    let (shortest, longest) = (support.min_ttl, support.max_ttl.unwrap_or(Duration::MAX));
    let retention = server
        .session_cache
        .saturating_mul(RETENTION_VALIDITIES)
        .max(shortest);
    let keeps = |bound: &str, ttl: Duration| format!("keeps nothing for {bound} than {ttl:?}");
    let idle =
        format!("gateway.server.session_idle_timeout_ms asks for session records that live {record:?}");
    if record < shortest {
        let least = ceil_to_idle(shortest);
        return Some(Limit {
            wanted: idle,
            kept: keeps("less", shortest),
            remedy: format!("set gateway.server.session_idle_timeout_ms to {least} or more"),
        });
    }
    if record > longest {
        let most = (longest * 4 / RECORD_QUARTERS).as_millis();
        return Some(Limit {
            wanted: idle,
            kept: keeps("longer", longest),
            remedy: format!("set gateway.server.session_idle_timeout_ms to {most} or less"),
        });
    }
    (retention > longest).then(|| Limit {
        wanted: format!("gateway.server.session_cache_ms asks for invalidations that are kept {retention:?}"),
        kept: keeps("longer", longest),
        remedy: format!(
            "set gateway.server.session_cache_ms to {} or less",
            (longest / RETENTION_VALIDITIES).as_millis()
        ),
    })
}

/// The shortest idle timeout, in milliseconds, whose records live at least this long.
fn ceil_to_idle(ttl: Duration) -> u128 {
    (ttl.as_millis() * 4).div_ceil(u128::from(RECORD_QUARTERS))
}

/// What of the backend is weaker than sessions would like, each as a part of a sentence.
pub(super) fn weaknesses(support: &Support) -> Vec<String> {
    let mut weaknesses = Vec::new();
    let mut survival = |survival: Survival, event: &str| {
        let loss = match survival {
            Survival::Yes => return,
            Survival::ProcessCrash { machine_crash_loses } => {
                format!("a crash of its machine may lose the sessions of the last {machine_crash_loses:?}")
            }
            Survival::AllButLast(last) => format!("{event} may lose the sessions of the last {last:?}"),
            _ => format!("{event} may lose all sessions"),
        };
        weaknesses.push(loss);
    };
    survival(support.acked_survives_crash, "a crash");
    if let Some(failover) = support.acked_survives_failover {
        survival(failover, "a fail-over");
    }
    if !support.stale_reads.is_zero() {
        let old = support.stale_reads;
        weaknesses.push(format!(
            "reads may be {old:?} old, so sessions are confirmed by writes"
        ));
    }
    if support.tokens_survive_memory_loss == TokenSurvival::No {
        weaknesses.push("lease tokens may start again when it loses its memory".to_owned());
    }
    weaknesses
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use mcpg_config::{Environment, Source, load};

    use super::*;

    fn server(text: &str) -> Server {
        let source = Source::Text {
            label: "a.yaml".to_owned(),
            text: format!("gateway: {{server: {{{text}}}}}"),
            folder: "".into(),
        };
        load(&[source], &Environment::default())
            .unwrap()
            .config
            .gateway
            .server
    }

    #[test]
    fn an_idle_timeout_out_of_bounds_names_key_limit_and_what_fits() {
        let mut support = Support::weakest();
        support.min_ttl = Duration::from_secs(10);
        support.max_ttl = Some(Duration::from_secs(3600));
        assert!(limit(&support, &server("")).is_none());
        for (idle, limit_shown, fits) in [(7_999, "10s", 8_000), (2_880_001, "3600s", 2_880_000)] {
            let limit = limit(&support, &server(&format!("session_idle_timeout_ms: {idle}"))).unwrap();
            assert!(limit.wanted.contains("session_idle_timeout_ms"), "{limit:?}");
            assert!(limit.kept.contains(limit_shown), "{limit:?}");
            assert!(limit.remedy.contains(&format!(" {fits} ")), "{limit:?}");
            assert!(super::limit(&support, &server(&format!("session_idle_timeout_ms: {fits}"))).is_none());
        }
    }

    #[test]
    fn a_session_cache_whose_invalidations_cannot_be_kept_is_named() {
        let mut support = Support::weakest();
        support.min_ttl = Duration::from_secs(1);
        support.max_ttl = Some(Duration::from_secs(15));
        let limit = limit(&support, &server("session_idle_timeout_ms: 9000")).unwrap();
        assert!(limit.wanted.contains("session_cache_ms"), "{limit:?}");
        assert!(limit.remedy.contains(" 1500 "), "{limit:?}");
    }

    #[test]
    fn every_weakness_is_told_and_strength_is_not() {
        assert_eq!(weaknesses(&Support::weakest()).len(), 4);
        let mut support = Support::weakest();
        support.acked_survives_crash = Survival::Yes;
        support.acked_survives_failover = None;
        support.stale_reads = Duration::ZERO;
        support.tokens_survive_memory_loss = TokenSurvival::ClockOnly;
        assert!(weaknesses(&support).is_empty());
        support.acked_survives_crash = Survival::AllButLast(Duration::from_secs(2));
        assert_eq!(
            weaknesses(&support),
            ["a crash may lose the sessions of the last 2s"]
        );
    }
}
