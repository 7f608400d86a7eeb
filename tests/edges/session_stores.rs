//! Sessions that are not kept in the coordinator: in memory, or in a folder that outlives the process.

use std::path::Path;
use std::time::Duration;

use futures_util::future::join_all;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::deadline::{PATIENCE, until, until_true};
use crate::support::gateway::{Gateway, Settings, command};
use crate::support::http::Call;
use crate::support::legacy::{REVISION, Session, initialize};
use crate::support::mcp::text_of;
use crate::support::modern::Client;
use crate::support::processes::Program;
use crate::support::redis::Redis;
use crate::support::session_requests::{assert_all_not_found, list_request};
use crate::support::upstream::Upstream;

fn pinned(settings: Settings, store: &Value) -> Settings {
    settings.configurations(json!({"sessions": {"store": store}}))
}

fn in_folder(settings: Settings, folder: &Path) -> Settings {
    pinned(settings, &json!({"kind": "file", "dir": folder}))
}

#[tokio::test]
async fn a_session_in_a_folder_survives_the_death_of_its_process() {
    let (upstream, folder) = (Upstream::legacy().await, tempfile::tempdir().unwrap());
    let settings = in_folder(
        Settings::in_front_of(&upstream.url()),
        &folder.path().join("sessions"),
    );
    let mut gateway = settings.clone().start().await;
    let session = Session::open(&gateway.endpoint).await;
    let closed = Session::open(&gateway.endpoint).await;
    session
        .result("logging/setLevel", json!({"level": "error"}))
        .await;
    let before = session.tool("whoami", json!({})).await;
    assert_eq!(closed.delete().await, StatusCode::NO_CONTENT);
    for restart in 0..3 {
        gateway.program.kill();
        gateway = settings.clone().start().await;
        let session = session.at(&gateway.endpoint);
        let result = session.tool("echo", json!({"message": "on"})).await;
        assert_eq!(text_of(&result), "on", "restart {restart}");
        // What was agreed on and what was set is there too, and a closed one stays closed.
        let after = session.tool("whoami", json!({})).await;
        for name in ["protocolVersion", "clientInfo", "clientCapabilities"] {
            let (before, after) = (
                &before["structuredContent"][name],
                &after["structuredContent"][name],
            );
            assert_eq!(before, after, "{name} after restart {restart}");
        }
        let arguments = json!({"level": "warning", "text": "said", "times": 2});
        let (_, call) = session.start_tool("log", arguments).await;
        assert!(
            call.finish().await.before.is_empty(),
            "the log level is forgotten"
        );
        assert_all_not_found(&gateway.endpoint, &closed.id).await;
    }
    // A new one is a session of its own.
    let fresh = Session::open(&gateway.endpoint).await;
    assert_ne!(fresh.id, session.id);
}

#[tokio::test]
async fn a_session_in_memory_is_gone_with_its_process() {
    let settings = pinned(
        Settings::new().mock_tool("greet", "hello"),
        &json!({"kind": "memory"}),
    );
    let mut gateway = settings.clone().start().await;
    let session = Session::open(&gateway.endpoint).await;
    let result = session.tool("greet", json!({})).await;
    assert_eq!(text_of(&result), "hello");
    gateway.program.kill();
    let gateway = settings.start().await;
    assert_all_not_found(&gateway.endpoint, &session.id).await;
}

#[tokio::test]
async fn what_pinned_sessions_leave_behind_is_closed_by_their_own_replica() {
    let (upstream, redis) = (Upstream::legacy().await, Redis::in_memory().await);
    let settings = |node: &str| {
        let settings = Settings::in_front_of(&upstream.url()).server("session_idle_timeout_ms", 1000);
        redis.settings(pinned(settings, &json!({"kind": "memory"})), "p:", node)
    };
    // The first one leads, and finds nothing of what the second one keeps.
    let _leader = settings("a").start().await;
    let gateway = settings("b").start().await;
    let active = async || upstream.stats().await["sessions"]["active"].as_u64().unwrap();
    let of_the_catalogue = active().await;
    let session = Session::open(&gateway.endpoint).await;
    session.tool("echo", json!({"message": "on"})).await;
    assert_eq!(active().await, of_the_catalogue + 1);
    until_true("the upstream's session is closed", async || {
        active().await == of_the_catalogue
    })
    .await;
}

#[tokio::test]
async fn a_folder_that_another_process_uses_is_refused_with_its_holder() {
    let folder = tempfile::tempdir().unwrap();
    let settings = in_folder(Settings::new().mock_tool("greet", "hello"), folder.path());
    let mut gateway = settings.clone().start().await;
    let output = settings.clone().refused().await;
    let holder = format!("is in use by process {}", gateway.program.pid());
    for part in [
        "mcp.configurations.sessions.store.dir",
        &folder.path().display().to_string(),
        &holder,
        "give each process a folder of its own",
    ] {
        assert!(output.contains(part), "{part} is missing: {output}");
    }
    // The right goes with the process, however it ended.
    gateway.program.kill();
    settings.start().await;
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "x").unwrap();
    let output = in_folder(Settings::new(), &file).refused().await;
    let expected = format!("the folder {} cannot be used", file.display());
    assert!(output.contains(&expected), "{output}");
}

#[tokio::test]
async fn a_replica_whose_disk_is_full_is_red_and_says_so() {
    let (folder, place) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let settings = Settings::new().mock_tool("greet", "hello").operators();
    let config = in_folder(settings, folder.path()).write(place.path());
    // Blocks of 512 bytes. Without the signal a write above the limit fails as on a full disk.
    let limited = "trap '' XFSZ; ulimit -f 4000; exec \"$0\" --config \"$1\"";
    let mut command = std::process::Command::new("sh");
    command
        .args(["-c", limited])
        .arg(crate::support::gateway::executable())
        .arg(config);
    let gateway = Gateway::from_command(command).await;
    let greeting = initialize(REVISION, &json!({}));
    let status = until("a session that cannot be kept", PATIENCE, async || {
        let opened = (0..50).map(|_| gateway.endpoint.post(&greeting).send());
        let statuses = join_all(opened).await.into_iter().map(|answer| answer.status);
        statuses.into_iter().find(|status| *status != StatusCode::OK)
    })
    .await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    until_true("the replica is red", async || {
        let answer = Call::new(Method::GET, gateway.operators(), "/ready").send().await;
        let (status, body) = (answer.status, answer.json().await);
        status == StatusCode::SERVICE_UNAVAILABLE && body["reasons"][0]["code"] == "store_failing"
    })
    .await;
    // What needs no session is served.
    let result = Client::new(&gateway.endpoint).tool("greet", json!({})).await;
    assert_eq!(text_of(&result), "hello");
}

#[tokio::test]
async fn another_kind_of_store_is_refused_with_what_to_do() {
    let output = pinned(Settings::new(), &json!({"kind": "redis"})).refused().await;
    assert!(
        output.contains("set `cluster.kind: redis` and leave the store at `cluster`"),
        "{output}"
    );
}

#[tokio::test]
async fn a_session_in_a_folder_expires_while_no_process_runs() {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings::new()
        .mock_tool("greet", "hello")
        .server("session_idle_timeout_ms", 1000);
    let settings = in_folder(settings, folder.path());
    let mut gateway = settings.clone().start().await;
    let session = Session::open(&gateway.endpoint).await;
    gateway.program.kill();
    let killed = std::time::Instant::now();
    until_true("the idle time to pass", async || {
        killed.elapsed() > Duration::from_secs(2)
    })
    .await;
    let gateway = settings.start().await;
    assert_all_not_found(&gateway.endpoint, &session.id).await;
}

#[tokio::test]
async fn an_2_pinned_sessions_in_a_fleet_are_warned_about_and_unknown_elsewhere() {
    let (redis, folder) = (Redis::in_memory().await, tempfile::tempdir().unwrap());
    let settings = |node: &str, store: Value| {
        let settings = Settings::new().mock_tool("greet", "hello").operators();
        let settings = settings.block("observability", json!({"metrics": {"enabled": true}}));
        pinned(redis.settings(settings, "p:", node), &store)
    };
    let a = settings("a", json!({"kind": "memory"})).start().await;
    let b = settings("b", json!({"kind": "file", "dir": folder.path()}))
        .start()
        .await;
    let c = settings("c", json!({"kind": "cluster"})).start().await;
    for (gateway, kind) in [(&a, "memory"), (&b, "file")] {
        let output = gateway.program.output();
        let warnings: Vec<&str> = output.lines().filter(|line| line.contains("WARN")).collect();
        let pinned =
            |line: &&str| line.contains("pinned") && line.contains("sessions") && line.contains(kind);
        assert!(warnings.iter().any(pinned), "{output}");
        let counted = Call::new(Method::GET, gateway.operators(), "/metrics");
        let counted = counted.send().await.text().await;
        let gauge = format!("mcpg_capability_pinned{{capability=\"sessions\",store=\"{kind}\"}} 1");
        assert!(counted.contains(&gauge), "{counted}");
        let facts = facts(gateway).await;
        let own = facts["replicas"].as_array().unwrap().iter();
        let own = own.map(|replica| &replica["own"]);
        let own = own.into_iter().find(|own| own["node"] == facts["asked"]).unwrap();
        assert_eq!(own["pinned"], json!([{"capability": "sessions", "store": kind}]));
    }
    assert!(!c.program.output().contains("pinned"), "{}", c.program.output());
    for (own, others) in [(&a, [&b, &c]), (&b, [&a, &c])] {
        let session = Session::open(&own.endpoint).await;
        assert_eq!(session.send(&list_request()).await.status, StatusCode::OK);
        for other in others {
            assert_all_not_found(&other.endpoint, &session.id).await;
        }
        assert_eq!(session.delete().await, StatusCode::NO_CONTENT);
        assert_all_not_found(&own.endpoint, &session.id).await;
    }
}

async fn facts(gateway: &Gateway) -> Value {
    let answer = Call::new(Method::GET, gateway.operators(), "/cluster")
        .send()
        .await;
    answer.json().await
}

#[tokio::test]
async fn an_2_a_check_warns_of_a_pinned_capability_and_is_content() {
    let folder = tempfile::tempdir().unwrap();
    let entry = json!({"id": "dev.mcpg.cluster.redis", "source": {"path": "a.so"}});
    let settings = pinned(Settings::new(), &json!({"kind": "memory"}))
        .block("cluster", json!({"kind": "redis"}))
        .block("plugins", json!([entry]));
    let config = settings.write(folder.path());
    let gateway = command();
    let check = Path::new(gateway.get_program()).with_file_name("mcpg-config-check");
    let mut command = std::process::Command::new(check);
    command.arg(config);
    let mut program = Program::start("mcpg-config-check", command);
    let status = program.exit(Duration::from_secs(20)).await;
    assert_eq!(status.code(), Some(0), "{}", program.output());
    let warning = "sessions are pinned to the replica that opened them (`memory`)";
    assert!(program.stderr().contains(warning), "{}", program.output());
}
