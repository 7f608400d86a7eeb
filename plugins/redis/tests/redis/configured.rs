//! What is refused when the coordinator is opened, and what its errors show.

use std::error::Error as StdError;

use mcpg_plugin_sdk::cluster::{Error, ErrorKind, Support, Survival};
use serde_json::json;

use crate::server::{Server, open_with};

async fn refusal(url: &str) -> Error {
    let settings = json!({ "url": url });
    match open_with(&settings).await {
        Ok(_) => panic!("{url} was accepted"),
        Err(error) => error,
    }
}

#[tokio::test]
async fn a_server_that_evicts_is_refused() {
    let server = Server::start_with(&["--save", "", "--maxmemory-policy", "allkeys-lru"]);
    let error = refusal(&server.url("")).await;
    assert_eq!(error.kind(), ErrorKind::Denied);
    let shown = error.to_string();
    assert!(
        shown.contains("allkeys-lru") && shown.contains("noeviction"),
        "{shown}"
    );
}

#[tokio::test]
async fn wrong_credentials_are_denied_and_not_shown() {
    let server = Server::start_with(&["--save", "", "--requirepass", "right-password"]);
    for credentials in [":wrong-password@", "nobody:wrong-password@", ""] {
        let error = refusal(&server.url(credentials)).await;
        assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
        let shown = format!("{error} {error:?} {:?}", error.source());
        assert!(!shown.contains("wrong-password"), "{shown}");
    }
    let settings = json!({ "url": server.url(":right-password@") });
    open_with(&settings).await.unwrap();
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unavailable() {
    let server = Server::start();
    let url = server.url(":secret-word@");
    drop(server);
    let error = refusal(&url).await;
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    let shown = format!("{error} {error:?}");
    assert!(
        shown.contains("127.0.0.1") && !shown.contains("secret-word"),
        "{shown}"
    );
}

#[tokio::test]
async fn support_follows_the_persistence_of_the_server() {
    let support = async |arguments: &[&str]| -> Support {
        let server = Server::start_with(arguments);
        server.open("p:").await.unwrap().support()
    };
    let always = support(&["--appendonly", "yes", "--appendfsync", "always"]).await;
    assert_eq!(always.acked_survives_crash, Survival::Yes);
    assert_eq!(always.acked_survives_failover, None);
    let memory = support(&["--save", "", "--appendonly", "no"]).await;
    assert_eq!(memory.acked_survives_crash, Survival::No);
}

#[tokio::test]
async fn a_user_without_the_right_to_ask_gets_the_weakest_support() {
    let server = Server::start_with(&["--appendonly", "yes", "--appendfsync", "always"]);
    server.command(&[
        "ACL", "SETUSER", "gateway", "on", ">word", "~p:*", "&p:*", "+@all", "-info", "-config",
    ]);
    let settings = json!({ "url": server.url("gateway:word@"), "key_prefix": "p:" });
    let coordinator = open_with(&settings).await.unwrap();
    let support = coordinator.support();
    assert_eq!(support.acked_survives_crash, Survival::No);
    assert_eq!(support.acked_survives_failover, Some(Survival::No));
    // The rights to its own prefix are all that the coordinator needs.
    let primitives = coordinator.primitives();
    let key = mcpg_plugin_sdk::cluster::Key::new("scope", "name");
    let put = primitives.key_value.put(
        &key,
        "value".into(),
        mcpg_plugin_sdk::cluster::Expect::Absent,
        None,
    );
    put.await.unwrap();
    let mut watch = primitives.watch.watch(b"scope", b"").await.unwrap();
    assert!(futures_util::StreamExt::next(&mut watch).await.unwrap().is_ok());
}
