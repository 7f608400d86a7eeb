//! HM-9: a plugin that begins to misbehave at every call, under a gateway that is serving.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use http::StatusCode;
use serde_json::json;
use tempfile::TempDir;

use crate::support::deadline::until_true;
use crate::support::gateway::{Gateway, Settings};
use crate::support::legacy::{REVISION, Session, initialize};
use crate::support::mcp::text_of;
use crate::support::modern::Client;
use crate::support::plugins::{entry, library};

/// The plugin's deadline for a call and what a busy machine may add; a few calls may follow each other.
const BOUND: Duration = Duration::from_secs(25);

struct Faulty {
    gateway: Gateway,
    trigger: PathBuf,
    _folder: TempDir,
}

impl Faulty {
    /// A gateway whose plugin has the fault as long as a file is there.
    async fn start(fault: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let trigger = folder.path().join("fault");
        let cluster = json!({"kind": "fixture", "deployment": "a", "fault": fault, "trigger": trigger});
        let settings = Settings::new()
            .mock_tool("greet", "hello")
            .block("cluster", cluster)
            .block(
                "plugins",
                json!([entry("fixture", &library("mcpg-fixture-plugin"))]),
            );
        Self {
            gateway: settings.start().await,
            trigger,
            _folder: folder,
        }
    }

    fn misbehave(&self) {
        fs::write(&self.trigger, "").unwrap();
    }

    fn behave(&self) {
        fs::remove_file(&self.trigger).unwrap();
    }

    async fn status_of_initialize(&self) -> (StatusCode, Option<String>) {
        let greeting = initialize(REVISION, &json!({}));
        let answer = self.gateway.endpoint.post(&greeting).send().await;
        (answer.status, answer.header("retry-after").map(str::to_owned))
    }

    async fn assert_modern_requests_are_served(&self) {
        let client = Client::new(&self.gateway.endpoint);
        assert_eq!(text_of(&client.tool("greet", json!({})).await), "hello");
    }
}

async fn assert_contained(fault: &str) {
    let mut faulty = Faulty::start(fault).await;
    let session = Session::open(&faulty.gateway.endpoint).await;
    assert_eq!(text_of(&session.tool("greet", json!({})).await), "hello");
    faulty.misbehave();
    let began = Instant::now();
    let asked = (0..6).map(|_| faulty.status_of_initialize());
    let answers = futures_util::future::join(
        futures_util::future::join_all(asked),
        faulty.assert_modern_requests_are_served(),
    );
    let (answers, ()) = tokio::time::timeout(BOUND, answers)
        .await
        .expect("answers in bounded time");
    for (status, retry_after) in answers {
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{fault}");
        assert!(retry_after.is_some(), "{fault}: no Retry-After");
    }
    assert!(began.elapsed() < BOUND);
    assert!(faulty.gateway.program.ended().is_none(), "{fault}");
    faulty.assert_modern_requests_are_served().await;
    faulty.behave();
    until_true("sessions are opened again", async || {
        faulty.status_of_initialize().await.0 == StatusCode::OK
    })
    .await;
}

#[tokio::test]
async fn hm_9_a_plugin_that_errs_at_each_call_is_a_503() {
    assert_contained("calls_fail").await;
}

#[tokio::test]
async fn hm_9_a_plugin_that_panics_at_each_call_is_a_503() {
    assert_contained("calls_panic").await;
}

#[tokio::test]
async fn hm_9_a_plugin_that_hangs_at_each_call_is_a_503() {
    assert_contained("calls_hang").await;
}

#[tokio::test]
async fn hm_9_a_plugin_that_blocks_its_thread_at_each_call_is_a_503() {
    assert_contained("calls_block").await;
}

#[tokio::test]
async fn hm_9_a_plugin_that_aborts_its_streams_keeps_the_gateway_serving() {
    for fault in ["streams_err", "streams_end", "streams_panic"] {
        let mut faulty = Faulty::start(fault).await;
        faulty.misbehave();
        faulty.assert_modern_requests_are_served().await;
        // Streams are for speed: without them sessions are decided by reads.
        let session = Session::open(&faulty.gateway.endpoint).await;
        assert_eq!(text_of(&session.tool("greet", json!({})).await), "hello");
        assert!(faulty.gateway.program.ended().is_none(), "{fault}");
    }
}
