#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode};
use mcpg_config::app::Backend;
use mcpg_config::{Environment, Source, load};
use serde_json::json;

use super::*;

/// The expression of a configuration.
fn expression(text: &str) -> ResultExpression {
    let backend = json!({"kind": "http", "url": "https://example.com/", "result": text});
    let config = json!({"mcp": {"capabilities": {"tools": [{"name": "a", "backend": backend}]}}});
    let source = Source::Text {
        label: "test".to_owned(),
        text: config.to_string(),
        folder: ".".into(),
    };
    let mut loaded = load(&[source], &Environment::empty()).unwrap_or_else(|report| panic!("{report}"));
    match loaded.config.mcp.capabilities.tools.remove(0).backend {
        Backend::Http(http) => http.result.unwrap(),
        other => panic!("{other:?}"),
    }
}

fn answer(body: &Value) -> Answer {
    let header = |name, value| (HeaderName::from_static(name), HeaderValue::from_static(value));
    Answer {
        status: StatusCode::CREATED,
        headers: HeaderMap::from_iter([header("x-a", "1"), header("x-a", "2")]),
        body: Bytes::from(body.to_string()),
    }
}

fn watch(given_up: CancellationToken, most: usize) -> Watch {
    Watch {
        given_up,
        steps: Arc::default(),
        most,
        _place: None,
    }
}

fn evaluated(text: &str, answer: Answer, watch: Watch) -> Result<Value, String> {
    let evaluation = evaluate(expression(text), answer, watch);
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(evaluation)
}

fn of(text: &str, body: &Value) -> Result<Value, String> {
    evaluated(text, answer(body), watch(CancellationToken::new(), 10_000))
}

fn list(length: usize) -> Value {
    Value::Array(vec![json!(1); length])
}

#[test]
fn values_come_through_in_their_types() {
    let body = json!({"n": 3, "big": u64::MAX, "f": 0.5, "t": "x", "l": [null, true], "m": {"b": 1, "a": 2}});
    for (text, expected) in [
        ("json", body.clone()),
        ("json.n + 1", json!(4)),
        ("json.big", json!(u64::MAX)),
        ("json.f * 2.0", json!(1.0)),
        ("json.m", json!({"a": 2, "b": 1})),
        ("status", json!(201)),
        ("headers['x-a']", json!("1, 2")),
        ("size(text) > 10", json!(true)),
        ("json.l.map(x, x == null)", json!([true, false])),
        ("b'ab'", json!("YWI=")),
        ("{1: 'a'}", json!({"1": "a"})),
    ] {
        assert_eq!(of(text, &body), Ok(expected), "{text}");
    }
}

#[test]
fn an_evaluation_that_fails_says_why_in_short() {
    let start = "the `result` expression fails for this answer: ";
    assert_eq!(
        of("json.gone", &json!({})),
        Err(format!("{start}No such key: gone"))
    );
    let long = of("json.a + 1", &json!({"a": "x".repeat(10_000)})).unwrap_err();
    assert!(long.starts_with(start) && long.chars().count() < 600, "{long}");
}

#[test]
fn loops_end_after_so_many_steps_whatever_their_kind() {
    let nested = "json.all(a, json.all(b, json.all(c, a + b + c > 0)))";
    for text in [
        nested,
        "json.map(a, json.map(b, json.map(c, a)))",
        "json.filter(a, json.filter(b, json.filter(c, c > 0).size() > 0).size() > 0)",
        "json.exists(a, json.exists(b, json.exists(c, c > 5)))",
        "json.exists_one(a, json.exists_one(b, json.exists_one(c, c > 5)))",
        "true || json.all(a, true) || false ? json.map(a, json.map(b, json.map(c, 1))).size() : 0",
    ] {
        let expected = "the `result` expression fails for this answer: it takes more than 10000 steps";
        assert_eq!(of(text, &list(25)), Err(expected.to_owned()), "{text}");
    }
    assert_eq!(of(nested, &list(10)), Ok(json!(true)));
}

#[test]
fn an_evaluation_that_is_given_up_ends() {
    let given_up = CancellationToken::new();
    // Nothing but the token ends this one.
    let watch = watch(given_up.clone(), usize::MAX);
    let evaluation = thread::spawn(move || {
        let endless = "json.all(a, json.all(b, json.all(c, a + b + c > 0)))";
        evaluated(endless, answer(&list(1000)), watch)
    });
    given_up.cancel();
    let began = Instant::now();
    let error = evaluation.join().unwrap().unwrap_err();
    assert!(error.contains("too many steps"), "{error}");
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

#[test]
fn the_deepest_expression_fits_on_the_stack() {
    let body = (0..60).fold(json!(1), |inside, _| json!({ "a": inside }));
    assert_eq!(of(&format!("json{}", ".a".repeat(60)), &body), Ok(json!(1)));
    let sum = format!("{}1", "1 + ".repeat(60));
    assert_eq!(of(&sum, &json!(null)), Ok(json!(61)));
    let loops = format!("{}1{}", "[1].map(a, ".repeat(11), ")".repeat(11));
    assert!(of(&loops, &json!(null)).is_ok());
}

#[test]
fn a_body_that_is_nested_deeply_is_no_json() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let answer = Answer {
        body: Bytes::from(deep),
        ..answer(&json!(null))
    };
    let watch = watch(CancellationToken::new(), 10);
    assert_eq!(evaluated("json == null", answer, watch), Ok(json!(true)));
}
