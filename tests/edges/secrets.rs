//! Secrets are nowhere in what the gateway says, at any level and in any format.

use std::time::Duration;

use http::{Method, StatusCode};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::support::deadline::{PATIENCE, until_true};
use crate::support::gateway::{Gateway, Settings, command};
use crate::support::http::Call;
use crate::support::legacy::Session;
use crate::support::mcp::Exchange;
use crate::support::modern::Client;
use crate::support::plugins;
use crate::support::ports::free_address;
use crate::support::processes::Program;
use crate::support::redis::Redis;
use crate::support::upstream::Upstream;

/// Everything that is planted, each with a word of its own that stands nowhere else.
const PLANTED: &[&str] = &[
    "plantedheader",
    "plantedenvironment",
    "plantedquery",
    "plantedcluster",
    "plantedplugin",
    "plantedbackendheader",
    "plantedbackendquery",
    "plantedbackendbody",
    "plantedargument",
    "plantederror",
    "plantedauthorization",
    "plantedunknownkey",
    "plantedcookie",
    "plantedsession",
    "plantedanswer",
    "plantedrequeststate",
    "plantedcursor",
    "plantedgarbage",
    "plantedoperator",
    "plantedbaggage",
    "plantedchild",
    "plantedprogram",
];

/// What a test of one format stands on.
struct Stage {
    redis: Redis,
    upstream: Option<Upstream>,
    gateway: Gateway,
    /// Ids that open sessions, here and upstream.
    sessions: Vec<String>,
    _folder: tempfile::TempDir,
}

/// A gateway that has a secret wherever one can stand in its configuration.
async fn stage(format: &str) -> Stage {
    let redis = Redis::in_memory().await;
    redis.command("CONFIG SET requirepass plantedcluster").await;
    let upstream = Upstream::legacy().await;
    let dead = format!("http://{}/mcp?key=plantedquery", free_address());
    let headers = json!({"upstream": {"headers": {
        "authorization": "Bearer plantedheader", "x-env": "${env.PLANTED}"}}});
    let cluster = json!({"kind": "redis", "key_prefix": "p:", "node_id": "a",
        "url": format!("redis://:plantedcluster@{}", redis.address)});
    let mut plugin = plugins::entry("redis", &plugins::library("mcpg-cluster-redis"));
    plugin["config"] = json!({"password": "plantedplugin"});
    let backend = json!({"kind": "http", "method": "post", "allow_private": true,
        "url": format!("http://{}/", free_address()), "query": {"key": "plantedbackendquery"},
        "headers": {"authorization": "plantedbackendheader"}, "body": "plantedbackendbody"});
    let digest: String = Sha256::digest("mcpg_plantedauthorization")
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let settings = Settings::new()
        .federation_with(
            "one",
            &format!("{}?key=plantedquery", upstream.url()),
            headers.clone(),
        )
        .federation_with("dead", &dead, headers)
        .tool(json!({"name": "web", "backend": backend}))
        .tool(json!({"name": "program", "backend": {"kind": "command", "program": "/bin/false",
            "args": ["--token", "plantedprogram"], "env": {"TOKEN": "plantedchild"}}}))
        .server("access_log", true)
        .server("request_timeout_ms", 3000)
        .server("drain_delay_ms", 0)
        .operators()
        .block("cluster", cluster)
        .block("plugins", json!([plugin]))
        .block(
            "governance",
            json!({"access": {"allow_anonymous": true,
            "api_keys": [{"name": "someone", "sha256": digest}]}, "audit": {"enabled": true, "sinks": [{"kind": "stderr"}]}}),
        )
        .block(
            "observability",
            json!({"logs": {"level": "trace", "format": format}, "metrics": {"enabled": true}}),
        );
    let folder = tempfile::tempdir().unwrap();
    let mut command = command();
    command.arg("--config").arg(settings.write(folder.path()));
    command
        .env("PLANTED", "plantedenvironment")
        .env("RUST_LOG", "trace");
    Stage {
        gateway: Gateway::from_command(command).await,
        redis,
        upstream: Some(upstream),
        sessions: Vec::new(),
        _folder: folder,
    }
}

impl Stage {
    /// Goes the ways that work.
    async fn succeed(&mut self) {
        let endpoint = &self.gateway.endpoint;
        let session = Session::open_with(endpoint, json!({"elicitation": {}})).await;
        let echo = json!({"name": "echo", "arguments": {"message": "plantedargument"},
            "_meta": {"baggage": "user=plantedbaggage"}});
        let call = json!({"jsonrpc": "2.0", "id": 70, "method": "tools/call", "params": echo});
        let answer = session.post(&call).header("cookie", "plantedcookie").send().await;
        let answer = Exchange::new(answer).response().await;
        assert!(answer.to_string().contains("plantedargument"), "{answer}");
        let who = session.tool("whoami", json!({})).await;
        let upstream_session = who["structuredContent"]["sessionId"].as_str();
        self.sessions
            .push(upstream_session.expect("a session").to_owned());
        self.sessions.push(session.id.clone());
        let (_, mut call) = session.start_tool("ask", json!({"question": "which?"})).await;
        let question = call.next().await.expect("a question");
        let told = json!({"action": "accept", "content": {"answer": "plantedanswer"}});
        assert_eq!(session.respond(&question, told).await, StatusCode::ACCEPTED);
        assert!(call.result().await.to_string().contains("plantedanswer"));
        let keyed = endpoint.post(&crate::support::legacy::initialize("2025-11-25", &json!({})));
        let keyed = keyed
            .header("authorization", "Bearer mcpg_plantedauthorization")
            .send()
            .await;
        self.sessions
            .extend(keyed.header("mcp-session-id").map(str::to_owned));
        assert_eq!(keyed.status, StatusCode::OK);
        let params = json!({"name": "echo", "arguments": {"message": "plantedargument"},
            "requestState": "plantedrequeststate"});
        Client::new(endpoint).request("tools/call", params).await;
    }

    /// Goes the ways that fail before the upstream or at it.
    async fn fail(&mut self) {
        let endpoint = self.gateway.endpoint.clone();
        let session = Session::open(&endpoint).await;
        self.sessions.push(session.id.clone());
        let error = json!({"name": "error_protocol", "arguments": {"message": "plantederror"}});
        assert!(
            session
                .request("tools/call", error)
                .await
                .to_string()
                .contains("plantederror")
        );
        session
            .request("tools/list", json!({"cursor": "plantedcursor"}))
            .await;
        let program = json!({"name": "program", "arguments": {"a": "plantedargument"}});
        session.request("tools/call", program).await;
        session
            .request(
                "tools/call",
                json!({"name": "web", "arguments": {"a": "plantedargument"}}),
            )
            .await;
        session
            .request(
                "tools/call",
                json!({"name": "echo", "arguments": "plantedargument"}),
            )
            .await;
        let sleep = json!({"name": "sleep", "arguments": {"ms": 20_000, "tag": "plantedargument"}});
        session.request("tools/call", sleep).await;
        let stranger = endpoint.post(&json!({"jsonrpc": "2.0", "id": 1, "method": "ping"}));
        let stranger = stranger.header("mcp-session-id", "plantedsession").send().await;
        assert_eq!(stranger.status, StatusCode::NOT_FOUND);
        let unknown = endpoint
            .post(&json!({}))
            .header("authorization", "Bearer plantedunknownkey");
        assert_eq!(unknown.send().await.status, StatusCode::UNAUTHORIZED);
        endpoint.post_text("{plantedgarbage").send().await;
        endpoint
            .post_text(r#"{"jsonrpc":"2.0","id":1,"result":{"state":"plantedgarbage"}}"#)
            .send()
            .await;
        session.notify("notifications/plantedgarbage", json!({})).await;
        session.respond(&json!({"id": "plantedanswer"}), json!({})).await;
        let operators = self.gateway.operators();
        for path in ["/ready", "/metrics", "/cluster", "/plantedoperator"] {
            let asked = Call::new(Method::GET, operators, &format!("{path}?token=plantedoperator"));
            asked
                .header("authorization", "Bearer plantedoperator")
                .send()
                .await;
        }
    }

    /// Loses the upstream in mid-call, then the coordinator, and ends.
    async fn break_down(&mut self) {
        let session = Session::open(&self.gateway.endpoint).await;
        self.sessions.push(session.id.clone());
        let params = json!({"name": "sleep", "arguments": {"ms": 20_000, "tag": "plantedargument"}});
        let running = session.start(json!(1), "tools/call", params).await;
        drop(self.upstream.take());
        running.response().await;
        session
            .request(
                "tools/call",
                json!({"name": "echo", "arguments": {"message": "plantedargument"}}),
            )
            .await;
        session.delete().await;
        self.redis.kill();
        let operators = self.gateway.operators();
        until_true("the outage is noticed", async || {
            let ready = Call::new(Method::GET, operators, "/ready")
                .send()
                .await
                .text()
                .await;
            ready.contains("coordinator")
        })
        .await;
        let again = self
            .gateway
            .endpoint
            .post(&crate::support::legacy::initialize("2025-11-25", &json!({})));
        again.send().await;
    }

    /// Everything that operators can read.
    async fn told(&self) -> String {
        let mut told = self.gateway.program.output();
        for path in ["/ready", "/health", "/metrics"] {
            let asked = Call::new(Method::GET, self.gateway.operators(), path)
                .send()
                .await;
            told.push_str(&asked.text().await);
        }
        told
    }
}

/// Looks for everything that was planted, and for the ids of the sessions.
fn assert_clean(told: &str, sessions: &[String]) {
    let secrets = PLANTED.iter().copied().chain(sessions.iter().map(String::as_str));
    let found: Vec<&str> = secrets
        .filter(|secret| told.contains(secret))
        .map(|secret| told.lines().find(|line| line.contains(secret)).unwrap_or(secret))
        .collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[tokio::test]
async fn secrets_are_in_no_log_at_any_level_and_in_no_answer_to_operators() {
    for format in ["human", "json"] {
        let mut stage = stage(format).await;
        stage.succeed().await;
        stage.fail().await;
        let told = stage.told().await;
        assert_clean(&told, &stage.sessions);
        stage.break_down().await;
        let told = stage.told().await;
        stage.gateway.program.terminate();
        stage.gateway.program.exit(PATIENCE).await;
        // The test would pass on a gateway that says nothing.
        assert!(told.contains("Answered.") && told.contains("DEBUG"), "{told}");
        assert_clean(&(told + &stage.gateway.program.output()), &stage.sessions);
    }
}

/// What a gateway says that does not start.
async fn refused(settings: Settings) -> String {
    let folder = tempfile::tempdir().unwrap();
    let mut command = command();
    command.arg("--config").arg(settings.write(folder.path()));
    command.env("PLANTED", "plantedenvironment");
    let mut program = Program::start("mcpg", command);
    let status = program.exit(Duration::from_secs(30)).await;
    assert!(!status.success());
    program.output()
}

#[tokio::test]
async fn secrets_are_in_no_message_of_a_gateway_that_does_not_start() {
    let redis = Redis::in_memory().await;
    redis.command("CONFIG SET requirepass another").await;
    let wrong_password = json!({"kind": "redis", "key_prefix": "p:", "node_id": "a",
        "url": format!("redis://:plantedcluster@{}", redis.address)});
    let entry = plugins::entry("redis", &plugins::library("mcpg-cluster-redis"));
    let settings = Settings::new()
        .block("cluster", wrong_password)
        .block("plugins", json!([entry]));
    assert_clean(&refused(settings).await, &[]);
    // Mistakes beside secrets, and in them.
    let headers =
        json!({"upstream": {"headers": {"authorization": "plantedheader\u{1}", "x": "${env.PLANTED}\u{1}"}}});
    let settings = Settings::new()
        .federation_with(
            "one",
            "http://user:plantedquery@localhost:1/?key=plantedquery",
            headers,
        )
        .block(
            "plugins",
            json!([{"id": "x", "config": {"password": "plantedplugin"}}]),
        );
    assert_clean(&refused(settings).await, &[]);
}
