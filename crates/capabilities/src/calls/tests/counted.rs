//! What happens to calls between replicas is counted, each event once.

use metrics_exporter_prometheus::PrometheusBuilder;

use super::*;

#[tokio::test(start_paused = true)]
async fn calls_that_are_taken_over_and_writes_that_come_too_late_are_counted_once() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let _counting = metrics::set_default_local_recorder(&recorder);
    let fleet = Fleet::new();
    let (a, b) = (fleet.replica("a"), fleet.replica("b"));
    let mut open = Vec::new();
    for id in 0..4 {
        open.push(a.open(&fleet.call(&id.to_string())).await);
    }
    // One ends by itself, one is cancelled: neither is a fence.
    assert_eq!(open[0].end().await.unwrap(), Ended::Mine);
    assert!(matches!(
        b.calls.cancel(&fleet.call("1")).await.unwrap(),
        Cancelled::Stopped { .. }
    ));
    assert_eq!(open[1].end().await.unwrap(), Ended::Refused(Refused::Cancelled));
    fleet.judge.kill(&a.owner);
    let sweep = b.calls.end_of(&a.boot, None, 100).await.unwrap();
    assert_eq!(sweep.ended, 2);
    b.calls.end_of(&a.boot, None, 100).await.unwrap();
    for call in &mut open[2..] {
        for _ in 0..2 {
            assert_eq!(call.end().await.unwrap(), Ended::Refused(Refused::Claimed));
        }
    }
    let shown = recorder.handle().render();
    assert!(
        shown.contains("mcpg_take_overs_total{what=\"call\"} 2\n"),
        "{shown}"
    );
    assert!(
        shown.contains("mcpg_refused_fences_total{record=\"call\"} 2\n"),
        "{shown}"
    );
    assert!(!shown.contains("mcpg_undecided_writes_total"), "{shown}");
}

#[tokio::test(start_paused = true)]
async fn streams_for_which_a_client_has_no_room_are_counted() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let _counting = metrics::set_default_local_recorder(&recorder);
    let mut fleet = Fleet::new();
    fleet.bytes_per_principal = 100_000;
    let a = fleet.replica("a");
    let mut open = a.open(&fleet.call("1")).await;
    let large = Entry {
        message: raw(&format!("\"{}\"", "x".repeat(100_000))),
        question: None,
    };
    let refused = open.append(0, &[large], false).await.unwrap();
    assert_eq!(refused, Err(Refused::OverBudget));
    let shown = recorder.handle().render();
    assert!(shown.contains("mcpg_streams_over_budget_total 1\n"), "{shown}");
}
