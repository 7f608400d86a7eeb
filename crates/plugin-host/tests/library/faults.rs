//! Plugins that misbehave, one fault at a time. What one call costs must not cost the next one.

use std::time::Instant;

use futures_util::StreamExt;
use mcpg_cluster::{Coordinator, Error, ErrorKind, Event, Expect, Key};
use mcpg_plugin_host::PluginError;
use serde_json::json;

use crate::libraries::{IMPATIENT, SHORT, fixture, open_with};

#[tokio::test]
async fn an_error_keeps_its_kind_message_and_context() {
    let coordinator = open_with("calls_err").await;
    let error = get(&*coordinator, "ill").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert_eq!(error.to_string(), "conflict: asked to fail (word: yes)");
    get(&*coordinator, "well").await.unwrap();
}

#[tokio::test]
async fn a_panic_in_a_call_is_an_error_with_its_text() {
    let coordinator = open_with("calls_panic").await;
    let error = get(&*coordinator, "ill").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(
        error.to_string().contains("panic: asked to panic in a call"),
        "{error}"
    );
    let error = put(&*coordinator, "ill").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Indeterminate);
    assert!(
        error.to_string().contains("panic: asked to panic in a call"),
        "{error}"
    );
    put(&*coordinator, "well").await.unwrap();
}

#[tokio::test]
async fn a_hang_costs_its_own_call_only() {
    let coordinator = open_with("calls_hang").await;
    let began = Instant::now();
    let (read, write, well) = tokio::join!(get(&*coordinator, "ill"), put(&*coordinator, "ill"), async {
        put(&*coordinator, "well").await.unwrap();
        began.elapsed()
    });
    assert!(well < SHORT.call, "the call beside it took {well:?}");
    assert_eq!(read.unwrap_err().kind(), ErrorKind::Unavailable);
    let error = write.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Indeterminate);
    assert!(error.to_string().contains("did not answer in time"), "{error}");
    assert!(began.elapsed() >= SHORT.call);
}

#[tokio::test]
async fn hm_9_a_blocked_thread_is_one_of_the_plugins_own() {
    let coordinator = open_with("calls_block").await;
    let began = Instant::now();
    // More calls than the plugin has threads, on a runtime that has one.
    let calls = (0..20).map(|_| put(&*coordinator, "ill"));
    let outcomes = tokio::time::timeout(SHORT.call * 10, futures_util::future::join_all(calls)).await;
    for outcome in outcomes.unwrap() {
        let error = outcome.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Indeterminate);
        assert!(error.to_string().contains("did not answer in time"), "{error}");
    }
    assert!(began.elapsed() < SHORT.call * 10, "{:?}", began.elapsed());
}

#[tokio::test]
async fn hm_9_a_stream_that_ends_without_an_error_is_noticed() {
    let coordinator = open_with("streams_end").await;
    let mut events = coordinator.primitives().pubsub.subscribe(b"topic").await.unwrap();
    assert_eq!(events.next().await.unwrap().unwrap(), Event::Gap);
    let error = events.next().await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("ended"), "{error}");
    assert!(events.next().await.is_none());
}

#[tokio::test]
async fn hm_9_opening_that_hangs_or_blocks_ends_at_its_deadline() {
    for fault in ["open_hangs", "open_blocks"] {
        let config = json!({"deployment": fault, "fault": fault});
        let opened = fixture(IMPATIENT).open(&config).await;
        let error = opened.err().unwrap();
        assert!(matches!(error, PluginError::Late { call: "open", .. }), "{error}");
    }
    let config = json!({"deployment": "x", "fault": "support_blocks"});
    let error = fixture(IMPATIENT).open(&config).await.err().unwrap();
    assert!(
        error.to_string().contains("in time") || matches!(error, PluginError::Late { .. }),
        "{error}"
    );
}

#[tokio::test]
async fn hm_9_validating_that_blocks_ends_at_its_deadline() {
    let config = json!({"deployment": "x", "fault": "validate_blocks"});
    let error = fixture(IMPATIENT).validate(&config).await.unwrap_err();
    assert!(
        matches!(error, PluginError::Late { call: "validate", .. }),
        "{error}"
    );
}

#[tokio::test]
async fn a_page_above_its_limit_is_an_error() {
    let coordinator = open_with("calls_return_garbage").await;
    put(&*coordinator, "well 1").await.unwrap();
    put(&*coordinator, "well 2").await.unwrap();
    let key_value = &coordinator.primitives().key_value;
    let error = key_value.list(b"scope", b"", None, 1).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Internal);
    assert!(
        error.to_string().contains("2 entries for a limit of 1"),
        "{error}"
    );
    key_value.list(b"scope", b"", None, 5).await.unwrap();
}

#[tokio::test]
async fn a_panic_in_a_stream_ends_it_with_its_text() {
    assert_stream_ends("streams_panic", "panic: asked to panic in a stream").await;
}

#[tokio::test]
async fn an_error_in_a_stream_ends_it() {
    assert_stream_ends("streams_err", "asked to break the stream").await;
}

async fn assert_stream_ends(fault: &str, reason: &str) {
    let coordinator = open_with(fault).await;
    let mut events = coordinator.primitives().pubsub.subscribe(b"topic").await.unwrap();
    assert_eq!(events.next().await.unwrap().unwrap(), Event::Gap);
    let error = events.next().await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains(reason), "{error}");
    assert!(events.next().await.is_none());
    put(&*coordinator, "well").await.unwrap();
}

#[tokio::test]
async fn opening_that_fails_says_why() {
    for (fault, reason) in [
        (
            "open_errs",
            "denied: wrong password (user: fixture, cause: the cause behind it)",
        ),
        ("open_panics", "panic: asked to panic in open"),
        ("kind_is_garbage", "its coordinator \"No Kind!\""),
        ("node_is_garbage", "its node \"a\\nb\" is no name"),
        ("support_is_garbage", "values of 0 and messages"),
        ("support_panics", "panic: asked to panic in support"),
    ] {
        let config = json!({"deployment": fault, "fault": fault});
        let error = match fixture(SHORT).open(&config).await {
            Ok(_) => panic!("{fault} was opened"),
            Err(error) => error.to_string(),
        };
        assert!(error.contains(reason), "{fault}: {error}");
        assert!(error.contains("dev.mcpg.cluster.fixture"), "{fault}: {error}");
    }
}

#[tokio::test]
async fn a_panic_in_validate_is_an_error_with_its_text() {
    let config = json!({"deployment": "x", "fault": "validate_panics"});
    let error = fixture(SHORT).validate(&config).await.unwrap_err();
    assert!(matches!(error, PluginError::Failed { .. }));
    assert!(
        error.to_string().contains("asked to panic in validate"),
        "{error}"
    );
}

async fn get(coordinator: &dyn Coordinator, name: &'static str) -> Result<(), Error> {
    let key = Key::new("scope", name);
    coordinator.primitives().key_value.get(&key).await.map(|_| ())
}

async fn put(coordinator: &dyn Coordinator, name: &'static str) -> Result<(), Error> {
    let key = Key::new("scope", name);
    let key_value = &coordinator.primitives().key_value;
    key_value
        .put(&key, "value".into(), Expect::Any, None)
        .await
        .map(|_| ())
}
