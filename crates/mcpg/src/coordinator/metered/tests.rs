#![allow(clippy::unwrap_used)]

use bytes::Bytes;
use mcpg_cluster::{Error, ErrorKind, Expect, Key};
use mcpg_conformance::{Backend, conformance_tests};
use mcpg_metrics::table::COORDINATOR_OPERATIONS;
use mcpg_single_node::SingleNode;
use metrics_exporter_prometheus::PrometheusBuilder;

use super::*;

#[derive(Default)]
struct Behind(SingleNode);

#[async_trait]
impl Backend for Behind {
    async fn open(&self) -> Result<Arc<dyn Coordinator>> {
        Ok(Arc::new(Metered::new(Arc::new(self.0.another_replica()))))
    }
}

fn run_in_paused_time(test: impl Future<Output = ()>) {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().start_paused(true).build();
    runtime.unwrap().block_on(test);
}

// Counting changes nothing: what is promised is kept behind it too.
conformance_tests!(Behind::default(), run_in_paused_time);

#[test]
fn each_operation_is_counted_once_with_its_result() {
    let recorder = PrometheusBuilder::new().build_recorder();
    metrics::with_local_recorder(&recorder, || {
        run_in_paused_time(async {
            let coordinator = Metered::new(Arc::new(SingleNode::new()));
            let values = &coordinator.primitives().key_value;
            let place = Key::new("scope", "name");
            for expect in [Expect::Absent, Expect::Absent, Expect::Any] {
                let _ = values.put(&place, Bytes::from_static(b"x"), expect, None).await;
            }
            values.get(&place).await.unwrap();
            drop(values.get(&place));
            coordinator
                .primitives()
                .pubsub
                .publish(b"topic", Bytes::new())
                .await
                .unwrap();
            coordinator.close().await.unwrap();
            let closed: Result<_, Error> = values.get(&place).await;
            assert_eq!(closed.unwrap_err().kind(), ErrorKind::Closed);
        });
    });
    let shown = recorder.handle().render();
    let mut counted: Vec<&str> = shown
        .lines()
        .filter_map(|line| line.strip_prefix(COORDINATOR_OPERATIONS.name))
        .collect();
    counted.sort_unstable();
    assert_eq!(
        counted,
        [
            r#"{primitive="key_value",operation="get",result="closed"} 1"#,
            r#"{primitive="key_value",operation="get",result="ok"} 1"#,
            r#"{primitive="key_value",operation="put",result="conflict"} 1"#,
            r#"{primitive="key_value",operation="put",result="ok"} 2"#,
            r#"{primitive="pubsub",operation="publish",result="ok"} 1"#,
        ]
    );
    let observed =
        r#"mcpg_coordinator_operation_duration_seconds_count{primitive="key_value",operation="put"} 3"#;
    assert!(shown.contains(observed), "{shown}");
}
