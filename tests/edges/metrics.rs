//! `/metrics`: when it is there, and that it is well formed.

use http::{Method, StatusCode};
use serde_json::json;

use crate::support::gateway::Settings;
use crate::support::http::Call;
use crate::support::metrics::Scrape;

#[tokio::test]
async fn metrics_that_are_not_enabled_are_404_with_the_key_to_set() {
    let gateway = Settings::new().operators().start().await;
    let answer = Call::new(Method::GET, gateway.operators(), "/metrics")
        .send()
        .await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(
        answer.text().await,
        "nothing is counted: set observability.metrics.enabled: true and restart\n"
    );
}

#[tokio::test]
async fn metrics_without_a_listener_for_operators_are_a_mistake_at_boot() {
    let output = Settings::new()
        .block("observability", json!({"metrics": {"enabled": true}}))
        .refused()
        .await;
    assert!(
        output.contains(
            "observability.metrics.enabled: nobody can read the metrics: there is no listener for operators"
        ),
        "{output}"
    );
}

#[tokio::test]
async fn what_can_be_counted_begins_with_zero_and_every_metric_is_described() {
    let gateway = Settings::new().metrics().start().await;
    let operators = gateway.operators();
    let text = Call::new(Method::GET, operators, "/metrics")
        .send()
        .await
        .text()
        .await;
    for line in text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        let name = line.split(['{', ' ']).next().unwrap();
        let family = ["_bucket", "_sum", "_count"]
            .iter()
            .find_map(|suffix| name.strip_suffix(suffix))
            .unwrap_or(name);
        assert!(
            text.contains(&format!("# HELP {family} ")),
            "{line} is not described"
        );
        assert!(text.contains(&format!("# TYPE {family} ")), "{line} has no type");
    }
    assert!(text.contains("mcpg_sessions_created_total 0\n"), "{text}");
    assert!(
        text.contains("mcpg_cancels_total{cause=\"timeout\"} 0\n"),
        "{text}"
    );
    let scrape = Scrape::of(operators).await;
    for (series, expected) in [
        ("mcpg_ready", 1.0),
        ("mcpg_coordinator_up", 1.0),
        ("mcpg_replica_lease_held", 1.0),
        ("mcpg_requests_in_flight", 0.0),
    ] {
        assert_eq!(scrape.value(series).to_bits(), f64::to_bits(expected), "{series}");
    }
}
