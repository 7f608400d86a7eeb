//! Where delivery, cancellation and subscriptions have their place, and how much is kept of streams.

use std::path::PathBuf;
use std::time::Duration;

use mcpg_config::app::{Bus, Configurations, Delivery, Store, Subscriptions};
use mcpg_config::{Environment, Loaded, Source, load};

const NATS: &str = "cluster: {kind: nats}\nplugins: [{id: dev.mcpg.cluster.nats, source: {path: a.so}}]\n";

fn loaded(cluster: &str, configurations: &str) -> Loaded {
    let source = Source::Text {
        label: "a.yaml".to_owned(),
        text: format!("{cluster}mcp: {{configurations: {configurations}}}\n"),
        folder: PathBuf::from("conf"),
    };
    load(&[source], &Environment::empty()).unwrap_or_else(|report| panic!("{report}"))
}

fn configurations(text: &str) -> Configurations {
    loaded("", text).config.mcp.configurations
}

#[test]
fn everything_is_shared_and_bounded_unless_said_otherwise() {
    let configurations = configurations("{}");
    let delivery = Delivery {
        bus: Bus::Cluster,
        max_events: 1000,
        max_bytes: 4_194_304,
        max_age: Duration::from_secs(300),
        bytes_per_principal: 67_108_864,
    };
    assert_eq!(configurations.delivery, delivery);
    assert_eq!(configurations.cancellation, Bus::Cluster);
    let subscriptions = Subscriptions {
        store: Store::Cluster,
        max_per_session: 1000,
    };
    assert_eq!(configurations.subscriptions, subscriptions);
    assert!(configurations.pinned().is_empty());
}

#[test]
fn each_limit_and_each_place_has_its_key() {
    let configurations = configurations(
        "{delivery: {bus: {kind: memory}, max_events: 7, max_bytes: 70000, max_age_ms: 1500, bytes_per_principal: 2000000}, \
         cancellation: {bus: {kind: memory}}, subscriptions: {store: {kind: file, dir: kept}, max_per_session: 3}}",
    );
    let delivery = Delivery {
        bus: Bus::Memory,
        max_events: 7,
        max_bytes: 70_000,
        max_age: Duration::from_millis(1500),
        bytes_per_principal: 2_000_000,
    };
    assert_eq!(configurations.delivery, delivery);
    assert_eq!(configurations.cancellation, Bus::Memory);
    let dir = PathBuf::from("conf/kept");
    let subscriptions = Subscriptions {
        store: Store::File { dir },
        max_per_session: 3,
    };
    assert_eq!(configurations.subscriptions, subscriptions);
    let pinned = [
        ("delivery", "memory"),
        ("cancellation", "memory"),
        ("subscriptions", "file"),
    ];
    assert_eq!(configurations.pinned(), pinned);
}

#[test]
fn an_2_each_pinned_capability_is_warned_about_where_there_are_replicas() {
    let cases = [
        (
            "{delivery: {bus: {kind: memory}}}",
            "mcp.configurations.delivery.bus.kind",
            "delivery is pinned to the replica that a stream began at (`memory`) though `cluster.kind` is `nats`: no other replica can resume the stream, answer its questions or cancel its call, and what lies in it is lost with that replica",
        ),
        (
            "{cancellation: {bus: {kind: memory}}}",
            "mcp.configurations.cancellation.bus.kind",
            "cancellation is pinned to the replica that a cancel arrives at (`memory`) though `cluster.kind` is `nats`: a call that runs at another replica is not cancelled",
        ),
        (
            "{subscriptions: {store: {kind: memory}}}",
            "mcp.configurations.subscriptions.store.kind",
            "subscriptions are pinned to the replica that took them (`memory`) though `cluster.kind` is `nats`: each replica subscribes upstream for itself, and what a dead one was subscribed to is not heard of any more",
        ),
    ];
    for (configurations, path, message) in cases {
        let alone = loaded("", configurations);
        assert!(alone.warnings.is_empty(), "{:?}", alone.warnings);
        let fleet = loaded(NATS, configurations);
        let [warning] = fleet.warnings.as_slice() else {
            panic!("{:?}", fleet.warnings);
        };
        assert_eq!((warning.path.as_str(), warning.message.as_str()), (path, message));
        let shared = configurations.replace("memory", "cluster");
        assert!(loaded(NATS, &shared).warnings.is_empty());
    }
}
