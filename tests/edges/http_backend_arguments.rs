//! What a caller sends stays in its place of the request.

use serde_json::{Value, json};

use super::backend_calls::{call, failure, with_tools};
use super::http_backend::tool;
use super::web_server::WebServer;
use crate::support::legacy::Session;
use crate::support::mcp::text_of;

/// Texts that mean something somewhere.
const HOSTILE: [&str; 22] = [
    "../../etc/passwd",
    "%2e%2e",
    "%2f",
    "a/b",
    "?x=1",
    "&admin=true",
    "#fragment",
    "a\r\nx-injected: 1",
    "\"},\"admin\":true,\"x\":{\"y\":\"",
    "'quote'",
    "$(id)",
    "`id`",
    ";rm -rf /",
    "${arguments.other}",
    "${env.HOME}",
    "@evil.example",
    "\\..\\..",
    "//evil.example/",
    "ünïcödé 日本",
    "\u{0}",
    "<a href=\"x\">&amp;",
    "+ = %20",
];

#[tokio::test]
async fn hostile_arguments_stay_in_their_place() {
    let server = WebServer::start().await;
    let url = server.url("/fixed/${arguments.x}/end?in_url=${arguments.x}&last=1");
    let more = json!({
        "method": "post",
        "query": {"added": "${arguments.x}", "mixed": "<${arguments.x}>"},
        "body": {"whole": "${arguments.x}", "mixed": "<${arguments.x}>", "list": ["${arguments.x}"]},
    });
    let gateway = with_tools(vec![tool("all", &url, more)]).await;
    let session = Session::open(&gateway.endpoint).await;
    let long = "x/".repeat(50 * 1024);
    for x in HOSTILE.into_iter().chain(std::iter::once(long.as_str())) {
        // Servers refuse request lines of this length; that is their answer and no harm.
        let fits = x.len() < 1000;
        let result = session.tool("all", json!({"x": x})).await;
        if !fits {
            continue;
        }
        let seen: Value =
            serde_json::from_str(text_of(&result)).unwrap_or_else(|_| panic!("{x:?}: {result}"));
        let target = seen["target"].as_str().unwrap();
        let (path, query) = target.split_once('?').unwrap();
        let segments: Vec<&str> = path.split('/').collect();
        assert_eq!(segments.len(), 4, "{x:?}: {path}");
        assert_eq!((segments[1], segments[3]), ("fixed", "end"), "{x:?}: {path}");
        assert_eq!(percent_decoded(segments[2]), x);
        let pairs: Vec<(String, String)> = query
            .split('&')
            .map(|pair| {
                let (name, value) = pair.split_once('=').unwrap();
                (name.to_owned(), percent_decoded(&value.replace('+', " ")))
            })
            .collect();
        let expected = [
            ("in_url", x.to_owned()),
            ("last", "1".to_owned()),
            ("added", x.to_owned()),
            ("mixed", format!("<{x}>")),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value));
        assert_eq!(pairs, expected, "{x:?}");
        let body: Value = serde_json::from_str(seen["body"].as_str().unwrap()).unwrap();
        assert_eq!(
            body,
            json!({"whole": x, "mixed": format!("<{x}>"), "list": [x]}),
            "{x:?}"
        );
        assert_eq!(seen["headers"].get("x-injected"), None, "{x:?}");
    }
}

#[tokio::test]
async fn a_path_can_neither_climb_nor_lose_a_segment() {
    let server = WebServer::start().await;
    let tools = vec![
        tool("plain", &server.url("/a/${arguments.x}/b"), json!({})),
        tool("joined", &server.url("/a/.${arguments.x}"), json!({})),
        tool("encoded", &server.url("/a/%2e${arguments.x}"), json!({})),
    ];
    let gateway = with_tools(tools).await;
    for (name, x, expected) in [
        ("plain", "..", "`x` cannot be `..` in the path of the URL"),
        ("plain", ".", "`x` cannot be `.` in the path of the URL"),
        ("joined", ".", "`x` cannot be `..` in the path of the URL"),
        ("encoded", ".", "`x` cannot be `..` in the path of the URL"),
        (
            "plain",
            "",
            "the path of the URL needs `x`, which is empty or absent",
        ),
    ] {
        assert_eq!(
            failure(&gateway, name, json!({"x": x})).await,
            expected,
            "{name} {x}"
        );
    }
    let why = failure(&gateway, "plain", json!({})).await;
    assert_eq!(why, "the path of the URL needs `x`, which is empty or absent");
    assert_eq!(server.requests().len(), 0);
    call(&gateway, "plain", json!({"x": "..."})).await;
    assert_eq!(server.last()["target"], "/a/.../b");
}

#[tokio::test]
async fn a_header_takes_one_line_and_nothing_more() {
    let server = WebServer::start().await;
    let more = json!({"headers": {"x-one": "a ${arguments.x} b", "x-whole": "${arguments.y}"}});
    let gateway = with_tools(vec![tool("headed", &server.url("/"), more)]).await;
    for bad in ["a\r\nx-evil: 1", "\n", "\r", "\u{0}", "\u{7f}"] {
        let why = failure(&gateway, "headed", json!({"x": bad})).await;
        assert_eq!(
            why,
            "`x` cannot be sent in the header `x-one`: a line break or another control character is in it",
            "{bad:?}"
        );
    }
    assert_eq!(server.requests().len(), 0);
    call(&gateway, "headed", json!({"x": "ünï; \"q\""})).await;
    let headers = server.last()["headers"].clone();
    assert_eq!(headers["x-one"], "a ünï; \"q\" b");
    assert_eq!(
        headers.get("x-whole"),
        None,
        "a header of an absent argument is left out"
    );
}

#[tokio::test]
async fn absent_arguments_are_left_out_where_they_stand_alone() {
    let server = WebServer::start().await;
    let more = json!({
        "method": "post",
        "query": {"q": "${arguments.q}", "mixed": "a${arguments.q}"},
        "body": {
            "gone": "${arguments.gone}",
            "inner": "${arguments.given.inner}",
            "none": "${arguments.given.none}",
            "number": "${arguments.number}",
            "list": ["${arguments.gone}", "${arguments.list}", 5],
            "null": "${arguments.null}",
            "fixed": null,
            "text": "n=${arguments.number} l=${arguments.list} g=${arguments.gone}",
        },
    });
    let gateway = with_tools(vec![tool("typed", &server.url("/"), more)]).await;
    let arguments =
        json!({"given": {"inner": {"deep": true}}, "number": 1.5, "list": [1, "x"], "null": null});
    call(&gateway, "typed", arguments).await;
    assert_eq!(server.last()["target"], "/?mixed=a");
    let body: Value = serde_json::from_str(server.last()["body"].as_str().unwrap()).unwrap();
    let expected = json!({
        "inner": {"deep": true},
        "number": 1.5,
        "list": [[1, "x"], 5],
        "null": null,
        "fixed": null,
        "text": "n=1.5 l=[1,\"x\"] g=",
    });
    assert_eq!(body, expected);
}

#[tokio::test]
async fn a_text_body_is_written_as_its_type_asks() {
    let server = WebServer::start().await;
    let body = |content_type: &str, body: &str| json!({"method": "post", "headers": {"content-type": content_type}, "body": body});
    let url = server.url("/");
    let form = body("application/x-www-form-urlencoded", "a=${arguments.x}&b=1");
    let xml = body(
        "text/xml; charset=utf-8",
        "<a b=\"${arguments.x}\">${arguments.x}</a>",
    );
    let as_json = body(
        "application/json",
        r#"{"a": "${arguments.x}", "b": "<${arguments.x}>"}"#,
    );
    let plain = json!({"method": "post", "body": "[${arguments.x}]"});
    let tools = vec![
        tool("form", &url, form),
        tool("xml", &url, xml),
        tool("json", &url, as_json),
        tool("plain", &url, plain),
    ];
    let gateway = with_tools(tools).await;
    let x = "<&\"'=> \n+";
    let mut sent = Vec::new();
    for name in ["form", "xml", "json", "plain"] {
        call(&gateway, name, json!({"x": x})).await;
        sent.push(server.last());
    }
    assert_eq!(sent[0]["body"], "a=%3C%26%22%27%3D%3E+%0A%2B&b=1");
    let escaped = "&lt;&amp;&quot;&#39;=&gt; \n+";
    assert_eq!(sent[1]["body"], format!("<a b=\"{escaped}\">{escaped}</a>"));
    let body: Value = serde_json::from_str(sent[2]["body"].as_str().unwrap()).unwrap();
    assert_eq!(body, json!({"a": x, "b": format!("<{x}>")}));
    assert_eq!(sent[3]["body"], format!("[{x}]"));
    assert_eq!(sent[3]["headers"]["content-type"], "text/plain; charset=utf-8");
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        if first == b'%' {
            let (digits, after) = after.split_at(2);
            bytes.push(u8::from_str_radix(std::str::from_utf8(digits).unwrap(), 16).unwrap());
            rest = after;
        } else {
            assert!(first.is_ascii_graphic() || first == b' ', "{first} in {text}");
            bytes.push(first);
        }
    }
    String::from_utf8(bytes).unwrap()
}
