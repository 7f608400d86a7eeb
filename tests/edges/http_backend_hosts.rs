//! Which hosts a backend over http reaches, and which it refuses.

use serde_json::json;

use super::backend_calls::{call, failure, with_tools};
use super::http_backend::tool;
use super::web_server::WebServer;
use crate::support::gateway::{Settings, command};
use crate::support::mcp::text_of;

#[tokio::test]
async fn a_private_address_is_not_reached_without_leave() {
    let server = WebServer::start().await;
    let port = server.port();
    // `localhost` and the others are names: what they lead to is found out when the call is made.
    let hosts = ["localhost", "127.1.invalid.localhost", "LOCALHOST"];
    let tools = hosts
        .iter()
        .enumerate()
        .map(|(at, host)| {
            let url = format!("http://{host}:{port}/");
            json!({"name": format!("tool{at}"), "backend": {"kind": "http", "url": url}})
        })
        .collect();
    let gateway = with_tools(tools).await;
    let why = failure(&gateway, "tool0", json!({})).await;
    assert_eq!(
        why,
        format!(
            "localhost:{port} is not asked: the host has an address that is not of the public internet, \
             and the backend has no `allow_private: true`"
        )
    );
    for (at, host) in hosts.iter().enumerate() {
        let why = failure(&gateway, &format!("tool{at}"), json!({})).await;
        let refused = why.contains("is not asked") || why.contains("does not answer");
        assert!(refused, "{host}: {why}");
    }
    assert_eq!(server.requests().len(), 0);
}

#[tokio::test]
async fn a_connection_of_a_trusted_backend_is_not_used_by_another() {
    let server = WebServer::start().await;
    let url = format!("http://localhost:{}/", server.port());
    let careless = json!({"name": "careless", "backend": {"kind": "http", "url": url}});
    let gateway = with_tools(vec![tool("trusted", &url, json!({})), careless]).await;
    call(&gateway, "trusted", json!({})).await;
    let why = failure(&gateway, "careless", json!({})).await;
    assert!(why.contains("is not asked"), "{why}");
    assert_eq!(server.requests().len(), 2, "those of the trusted one");
}

#[tokio::test]
async fn literal_private_addresses_are_refused_before_the_start() {
    for (url, address) in [
        ("http://127.0.0.1:80/", "127.0.0.1"),
        ("http://169.254.169.254/latest", "169.254.169.254"),
        ("http://0x7f000001/", "127.0.0.1"),
        ("http://[::1]/", "::1"),
        ("http://[::ffff:10.0.0.1]/", "::ffff:10.0.0.1"),
        ("http://100.64.1.1/", "100.64.1.1"),
        ("http://0/", "0.0.0.0"),
    ] {
        let tools = json!([{"name": "a", "backend": {"kind": "http", "url": url}}]);
        let output = Settings::new()
            .block("mcp", json!({"capabilities": {"tools": tools}}))
            .refused()
            .await;
        let expected = format!("{address} is not an address of the public internet");
        assert!(output.contains(&expected), "{url}: {output}");
    }
}

#[tokio::test]
async fn redirects_stay_with_the_host() {
    let server = WebServer::start().await;
    let elsewhere = WebServer::start().await;
    let redirect = |to: &str| server.url(&format!("/redirect/302?{to}"));
    let (port, other) = (server.port(), elsewhere.port());
    let secret = json!({"headers": {"authorization": "Bearer s3cret"}});
    let refused = [
        (elsewhere.url("/"), format!("http://127.0.0.1:{other}")),
        (
            format!("http://localhost:{port}/"),
            format!("http://localhost:{port}"),
        ),
        (
            "http://169.254.169.254/latest".to_owned(),
            "http://169.254.169.254".to_owned(),
        ),
        (
            format!("https://127.0.0.1:{port}/"),
            format!("https://127.0.0.1:{port}"),
        ),
        (
            format!("//localhost:{other}/"),
            format!("http://localhost:{other}"),
        ),
        ("file:///etc/passwd".to_owned(), "file://".to_owned()),
    ];
    let mut tools: Vec<_> = refused
        .iter()
        .enumerate()
        .map(|(at, (to, _))| tool(&format!("tool{at}"), &redirect(to), secret.clone()))
        .collect();
    tools.push(tool("inside", &redirect("/there?x=1%23fragment"), secret.clone()));
    tools.push(tool("relative", &redirect("../there"), secret.clone()));
    tools.push(tool(
        "user",
        &redirect(&format!("http://u:p@127.0.0.1:{port}/")),
        secret,
    ));
    let gateway = with_tools(tools).await;
    for (at, (to, named)) in refused.iter().enumerate() {
        let why = failure(&gateway, &format!("tool{at}"), json!({})).await;
        assert_eq!(
            why,
            format!("127.0.0.1:{port} redirects to {named}, and redirects to another host are not followed"),
            "{to}"
        );
    }
    assert_eq!(elsewhere.requests().len(), 0);

    let inside = call(&gateway, "inside", json!({})).await;
    assert!(text_of(&inside).contains(r#""target":"/there?x=1""#), "{inside}");
    assert_eq!(server.last()["headers"]["authorization"], "Bearer s3cret");
    let relative = call(&gateway, "relative", json!({})).await;
    assert!(text_of(&relative).contains(r#""target":"/there""#), "{relative}");
    let why = failure(&gateway, "user", json!({})).await;
    assert!(
        why.ends_with("redirects to a URL with a user or password in it"),
        "{why}"
    );
}

#[tokio::test]
async fn a_redirect_keeps_or_changes_the_method_as_its_status_says() {
    let server = WebServer::start().await;
    let more = json!({"method": "post", "body": {"a": 1}});
    let cases = [
        ("301", "GET"),
        ("302", "GET"),
        ("303", "GET"),
        ("307", "POST"),
        ("308", "POST"),
    ];
    let tools = cases.map(|(code, _)| {
        tool(
            code,
            &server.url(&format!("/redirect/{code}?/there")),
            more.clone(),
        )
    });
    let gateway = with_tools(tools.to_vec()).await;
    for (code, method) in cases {
        call(&gateway, code, json!({})).await;
        let last = server.last();
        assert_eq!(
            (&last["target"], &last["method"]),
            (&json!("/there"), &json!(method)),
            "{code}"
        );
        let body = if method == "POST" { r#"{"a":1}"# } else { "" };
        assert_eq!(last["body"], body, "{code}");
        assert_eq!(
            last["headers"].get("content-type").is_some(),
            method == "POST",
            "{code}"
        );
    }
}

#[tokio::test]
async fn redirects_end() {
    let server = WebServer::start().await;
    let round = server.url("/redirect/302?/loop/");
    let expected = tool(
        "expected",
        &server.url("/redirect/302?/x"),
        json!({"expected_status_codes": [302]}),
    );
    let nowhere = tool("nowhere", &server.url("/status/302"), json!({}));
    let gateway = with_tools(vec![tool("round", &round, json!({})), expected, nowhere]).await;
    let why = failure(&gateway, "round", json!({})).await;
    assert_eq!(
        why,
        format!("127.0.0.1:{} redirects more than 5 times", server.port())
    );
    assert_eq!(server.requests().len(), 12, "six requests in each era");
    // A redirect that is an expected answer is the answer.
    assert_eq!(text_of(&call(&gateway, "expected", json!({})).await), "");
    let why = failure(&gateway, "nowhere", json!({})).await;
    assert!(why.contains("answered with status 302 Found"), "{why}");
}

#[tokio::test]
async fn proxies_of_the_environment_are_not_used() {
    let server = WebServer::start().await;
    let proxy = WebServer::start().await;
    let folder = tempfile::tempdir().unwrap();
    let tools = json!([tool("a", &server.url("/direct"), json!({}))]);
    let path = Settings::new()
        .block("mcp", json!({"capabilities": {"tools": tools}}))
        .write(folder.path());
    let mut command = command();
    command.arg("--config").arg(path);
    for name in [
        "http_proxy",
        "HTTP_PROXY",
        "https_proxy",
        "HTTPS_PROXY",
        "all_proxy",
        "ALL_PROXY",
    ] {
        command.env(name, proxy.url("/"));
    }
    let gateway = crate::support::gateway::Gateway::from_command(command).await;
    call(&gateway, "a", json!({})).await;
    assert_eq!((server.requests().len(), proxy.requests().len()), (2, 0));
}
