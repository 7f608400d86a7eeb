//! `mcpg cluster status`: the same picture of the fleet from any replica.

use std::net::SocketAddr;
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::support::deadline::{until_true, within};
use crate::support::fleet::FleetSettings;
use crate::support::gateway::{Gateway, Settings, command};
use crate::support::legacy::Session;
use crate::support::ports::free_address;
use crate::support::redis::Redis;
use crate::support::upstream::Upstream;

fn status(arguments: &[&str]) -> Command {
    let mut command = command();
    command.args(["cluster", "status"]).args(arguments);
    command
}

/// Runs beside the test, whose own tasks may have to answer meanwhile.
async fn run(mut command: Command) -> Output {
    let running = tokio::task::spawn_blocking(move || command.output().unwrap());
    within("the end of the command", running).await.unwrap()
}

async fn shown(arguments: &[&str]) -> String {
    let output = run(status(arguments)).await;
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

async fn facts(admin: SocketAddr) -> Value {
    let url = format!("http://{admin}");
    serde_json::from_str(&shown(&["--admin", &url, "--json"]).await).unwrap()
}

/// What every replica must say alike: who is there, how, and who leads.
async fn picture(admin: SocketAddr) -> Vec<(String, String, bool)> {
    let facts = facts(admin).await;
    let replicas = facts["replicas"].as_array().unwrap().iter();
    replicas
        .map(|replica| {
            let word = |name: &str| replica[name].as_str().unwrap().to_owned();
            (word("node"), word("state"), replica["leads"] == true)
        })
        .collect()
}

async fn member(redis: &Redis, settings: &Settings, node: &str, lease_ttl_ms: u64) -> Gateway {
    let mut cluster = redis.cluster("p:", node);
    cluster["lease_ttl_ms"] = json!(lease_ttl_ms);
    let settings = redis.settings(settings.clone(), "p:", node);
    settings.block("cluster", cluster).operators().start().await
}

#[tokio::test]
async fn every_replica_draws_the_same_picture_and_shows_one_that_is_paused() {
    let (redis, upstream) = (Redis::in_memory().await, Upstream::start().await);
    let settings = Settings::in_front_of(&upstream.url()).federation("away", "http://127.0.0.1:9/mcp");
    // So long that the lease of the paused one does not run out.
    let [a, b, c] = [
        member(&redis, &settings, "a", 120_000).await,
        member(&redis, &settings, "b", 120_000).await,
        member(&redis, &settings, "c", 120_000).await,
    ];
    let _session = Session::open(&b.endpoint).await;
    let whole = |paused: &str| {
        ["a", "b", "c"].map(|node| {
            let state = if node == paused {
                "not_answering"
            } else {
                "answering"
            };
            (node.to_owned(), state.to_owned(), node == "a")
        })
    };
    for replica in [&a, &b, &c] {
        until_true("the replica knows the whole fleet", async || {
            picture(replica.operators()).await == whole("")
        })
        .await;
    }
    let facts = facts(c.operators()).await;
    assert_eq!(
        (&facts["asked"], &facts["coordinator"]["kind"]),
        (&json!("c"), &json!("redis"))
    );
    assert_eq!(facts["constants"]["lease_ttl_ms"], 120_000);
    assert_eq!(
        facts["coordinator"]["weaker_than_wanted"][0],
        "a crash may lose all sessions"
    );
    let own = &facts["replicas"][1]["own"];
    assert_eq!((&own["ready"], &own["lease_valid"]), (&json!(true), &json!(true)));
    assert_eq!(own["sessions"], json!({"remembered": 1, "opened_here": 1}));
    let [one, away] = [0, 1].map(|at| &own["upstreams"][at]);
    assert_eq!(
        (&one["state"], &one["revisions"][1]),
        (&json!("up"), &json!("2026-07-28"))
    );
    assert!(one["tools"].as_u64() > Some(3), "{one}");
    assert_eq!(away["state"], "down");
    b.program.pause();
    for replica in [&a, &c] {
        // What was gathered half a second ago is told again.
        until_true("the pause is shown", async || {
            picture(replica.operators()).await == whole("b")
        })
        .await;
    }
    let table = shown(&["--admin", &a.operators().to_string()]).await;
    assert!(
        table.contains("not answering") && table.contains("no answer within"),
        "{table}"
    );
    let url = format!("http://{}", b.operators());
    let output = run(status(&["--admin", &url, "--timeout", "1"])).await;
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        error.contains(&format!("{url} gave no answer within 1 s")),
        "{error}"
    );
    b.program.resume();
    until_true("the replica answers again", async || {
        picture(b.operators()).await == whole("")
    })
    .await;
}

#[tokio::test]
async fn a_killed_replica_is_shown_dead_or_not_at_all() {
    let settings = Settings::new().mock_tool("greet", "hello");
    let mut fleet = FleetSettings::new(settings).start().await;
    fleet.replicas[1].kill();
    for replica in [0, 2] {
        let admin = fleet.replicas[replica].admin;
        until_true("the killed replica is no living one", async || {
            let picture = picture(admin).await;
            let state = |node: &str| {
                let found = picture.iter().find(|(name, ..)| name == node);
                found.map(|(_, state, _)| state.clone())
            };
            let others = [state("a"), state("c")].map(|state| state.as_deref() == Some("answering"));
            others == [true, true] && matches!(state("b").as_deref(), None | Some("dead"))
        })
        .await;
    }
    // One that is started again is another boot with the same name.
    fleet.replicas[1].restart().await;
    until_true("the new boot answers", async || {
        let picture = picture(fleet.replicas[0].admin).await;
        picture.contains(&("b".to_owned(), "answering".to_owned(), false))
            || picture.contains(&("b".to_owned(), "answering".to_owned(), true))
    })
    .await;
}

#[tokio::test]
async fn an_outage_of_the_coordinator_is_shown_instead_of_waited_for() {
    let redis = Redis::in_memory().await;
    let settings = Settings::new().mock_tool("greet", "hello");
    let a = member(&redis, &settings, "a", 30_000).await;
    assert_eq!(facts(a.operators()).await["coordinator"]["reached"], true);
    redis.freeze();
    until_true("the outage is shown", async || {
        let facts = facts(a.operators()).await;
        assert_eq!(facts["replicas"][0]["state"], "answering", "{facts}");
        facts["coordinator"]["reached"] == false
            && facts["replicas"][0]["own"]["reasons"][0]["code"] == "coordinator_away"
    })
    .await;
    let table = shown(&["--admin", &a.operators().to_string()]).await;
    assert!(table.contains("coordinator redis (not reached by a)"), "{table}");
    assert!(table.contains("the coordinator redis does not answer"), "{table}");
}

#[tokio::test]
async fn whatever_is_in_the_way_is_said_with_its_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let nobody = free_address();
    let gateway = Settings::new().mock_tool("greet", "hello").start().await;
    let with_admin = |address: &str| {
        let file = Settings::new().gateway("admin", json!({"bind_address": address}));
        file.write(folder.path()).display().to_string()
    };
    let clients = format!("http://{}", gateway.endpoint.address);
    let refused = async |arguments: &[&str], code: i32, parts: &[&str]| {
        let output = run(status(arguments)).await;
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{error}");
        for part in parts {
            assert!(error.contains(part), "{part} is missing: {error}");
        }
    };
    let plain = Settings::new().write(folder.path()).display().to_string();
    let no_admin = [
        "no listener for operators",
        "set gateway.admin.bind_address",
        "--admin URL",
    ];
    refused(&["--config", &plain], 1, &no_admin).await;
    let config = with_admin("127.0.0.1:0");
    refused(&["--config", &config], 1, &["bind_address is 0", "--admin URL"]).await;
    let config = with_admin(&nobody.to_string());
    let silent = format!("http://{nobody} gives no answer");
    refused(
        &["--config", &config],
        1,
        &[&silent, "refused", "running replica"],
    )
    .await;
    let foreign = format!("{clients} is not mcpg's listener for operators");
    refused(&["--admin", &clients], 1, &[&foreign, "404"]).await;
    refused(&["--admin", "https://a:1"], 2, &["speaks plain http"]).await;
    refused(
        &["--admin", &clients, "--config", &config],
        2,
        &["cannot be used with"],
    )
    .await;
    refused(&[], 2, &["there is no configuration"]).await;
    refused(&["--config", "/nonexistent.yaml"], 2, &["/nonexistent.yaml"]).await;
}

#[tokio::test]
async fn the_configuration_and_its_environment_name_the_replica_to_ask() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = Settings::new()
        .mock_tool("greet", "hello")
        .operators()
        .start()
        .await;
    let config = Settings::new().write(folder.path());
    let mut command = status(&["--json"]);
    command.env("MCPG_CONFIG", config).env(
        "MCPG_GATEWAY__ADMIN__BIND_ADDRESS",
        gateway.operators().to_string(),
    );
    let output = run(command).await;
    assert!(output.status.success(), "{output:?}");
    let facts: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(facts["coordinator"]["kind"], "single_node");
    assert_eq!(facts["replicas"][0]["state"], "answering");
    assert_eq!(facts["coordinator"]["weaker_than_wanted"], json!([]));
}
