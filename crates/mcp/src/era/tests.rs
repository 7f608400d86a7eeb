#![allow(clippy::unwrap_used)]
use super::*;
use crate::envelope::{Incoming, parse};
use http::HeaderValue;

const MODERN: &str = "2026-07-28";
const META: &str = r#"{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}"#;

fn headers<'h>(version: Option<&'h str>, session_id: Option<&'h str>) -> EraHeaders<'h> {
    EraHeaders { version, session_id }
}

/// The kind of decision, or the status and code of the rejection.
fn verdict(headers: &EraHeaders<'_>, body: &str) -> Result<&'static str, (u16, i64)> {
    let Ok(Incoming::Single(message)) = parse(body.as_bytes()) else {
        panic!("{body}")
    };
    match decide(headers, &message) {
        Ok(Decision::Modern { meta, .. }) => {
            assert!(meta.version.is_modern());
            Ok("modern")
        }
        Ok(Decision::ModernNotification { .. }) => Ok("modern notification"),
        Ok(Decision::Initialize { .. }) => Ok("initialize"),
        Ok(Decision::Legacy { session, .. }) => {
            assert_eq!(session.session_id, headers.session_id);
            assert_eq!(session.version.map(|version| version.as_str()), headers.version);
            Ok("legacy")
        }
        Err(rejection) => {
            let expected = if let Message::Request(request) = &message {
                Some(request.id.clone())
            } else {
                None
            };
            assert_eq!(rejection.id, expected);
            Err((rejection.status.as_u16(), rejection.error.code))
        }
    }
}

fn request(method: &str, params: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":9,"method":"{method}","params":{params}}}"#)
}

fn with_meta(meta: &str) -> String {
    request("tools/list", &format!(r#"{{"_meta":{meta}}}"#))
}

#[test]
fn modern_metadata_makes_a_request_modern_whatever_session_it_names() {
    assert_eq!(
        verdict(&headers(Some(MODERN), None), &with_meta(META)),
        Ok("modern")
    );
    assert_eq!(
        verdict(&headers(Some(MODERN), Some("stale")), &with_meta(META)),
        Ok("modern")
    );
    let initialize = request("initialize", &format!(r#"{{"_meta":{META}}}"#));
    assert_eq!(verdict(&headers(Some(MODERN), None), &initialize), Ok("modern"));
}

#[test]
fn the_version_header_must_repeat_the_metadata() {
    for version in [None, Some("2025-11-25"), Some("v999.0.0"), Some("")] {
        for session_id in [None, Some("s")] {
            let answer = verdict(&headers(version, session_id), &with_meta(META));
            assert_eq!(answer, Err((400, -32020)), "{version:?}");
        }
    }
    let future = META.replace(MODERN, "v999.0.0");
    assert_eq!(
        verdict(&headers(Some(MODERN), None), &with_meta(&future)),
        Err((400, -32020))
    );
}

#[test]
fn an_unknown_version_is_named_with_those_that_are_served() {
    let future = META.replace(MODERN, "v999.0.0");
    let body = with_meta(&future);
    assert_eq!(
        verdict(&headers(Some("v999.0.0"), None), &body),
        Err((400, -32022))
    );
    let Ok(Incoming::Single(message)) = parse(body.as_bytes()) else {
        panic!()
    };
    let rejection = decide(&headers(Some("v999.0.0"), None), &message).unwrap_err();
    let data = rejection.error.data.as_ref().unwrap().get();
    assert!(
        data.contains(r#""requested":"v999.0.0""#) && data.contains(r#""2026-07-28","2025-11-25""#),
        "{data}"
    );
    assert!(
        rejection
            .body()
            .starts_with(br#"{"jsonrpc":"2.0","id":9,"error":{"code":-32022,"#)
    );
}

#[test]
fn a_legacy_version_in_modern_metadata_is_not_served() {
    let body = with_meta(&META.replace(MODERN, "2025-11-25"));
    let Ok(Incoming::Single(message)) = parse(body.as_bytes()) else {
        panic!()
    };
    let rejection = decide(&headers(Some("2025-11-25"), None), &message).unwrap_err();
    assert_eq!(rejection.error.code, -32022);
    assert!(
        rejection
            .error
            .data
            .unwrap()
            .get()
            .contains(r#""supported":["2026-07-28"]"#)
    );
}

#[test]
fn a_modern_header_without_complete_metadata_is_invalid() {
    let modern = headers(Some(MODERN), None);
    for body in [
        request("server/discover", "{}"),
        request("server/discover", "[]"),
        r#"{"jsonrpc":"2.0","id":9,"method":"ping"}"#.to_owned(),
        with_meta("{}"),
        with_meta("null"),
        with_meta(r#"{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}"#),
        with_meta(r#"{"io.modelcontextprotocol/clientCapabilities":{}}"#),
        with_meta(
            r#"{"io.modelcontextprotocol/protocolVersion":1,"io.modelcontextprotocol/clientCapabilities":{}}"#,
        ),
    ] {
        assert_eq!(verdict(&modern, &body), Err((400, -32602)), "{body}");
        assert_eq!(
            verdict(&headers(Some(MODERN), Some("s")), &body),
            Err((400, -32602)),
            "{body}"
        );
    }
}

#[test]
fn capabilities_without_a_version_are_modern_unless_in_a_session() {
    let body = with_meta(r#"{"io.modelcontextprotocol/clientCapabilities":{}}"#);
    assert_eq!(verdict(&headers(None, None), &body), Err((400, -32602)));
    assert_eq!(verdict(&headers(None, Some("s")), &body), Ok("legacy"));
    assert_eq!(verdict(&headers(Some("2025-11-25"), None), &body), Ok("legacy"));
}

#[test]
fn initialize_is_legacy_whatever_its_header_says() {
    let body = request(
        "initialize",
        r#"{"protocolVersion":"2024-11-05","_meta":{"progressToken":1}}"#,
    );
    for version in [
        None,
        Some("2025-06-18"),
        Some(MODERN),
        Some("2024-11-05"),
        Some("nonsense"),
    ] {
        assert_eq!(
            verdict(&headers(version, None), &body),
            Ok("initialize"),
            "{version:?}"
        );
    }
}

#[test]
fn without_any_sign_a_message_is_legacy() {
    for body in [
        request("tools/list", "{}"),
        r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#.to_owned(),
        r#"{"jsonrpc":"2.0","id":1,"result":{}}"#.to_owned(),
        with_meta(r#"{"io.modelcontextprotocol/related-task":{"taskId":"t"},"progressToken":1}"#),
    ] {
        for version in [None, Some("2025-03-26"), Some("2025-06-18"), Some("2025-11-25")] {
            for session_id in [None, Some("s")] {
                assert_eq!(
                    verdict(&headers(version, session_id), &body),
                    Ok("legacy"),
                    "{body}"
                );
            }
        }
    }
}

#[test]
fn an_unknown_header_is_answered_in_the_era_of_the_request() {
    let body = request("tools/list", "{}");
    for version in ["2024-11-05", "v999.0.0", ""] {
        assert_eq!(
            verdict(&headers(Some(version), Some("s")), &body),
            Err((400, -32600))
        );
        assert_eq!(verdict(&headers(Some(version), None), &body), Err((400, -32022)));
    }
    let notification = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
    assert_eq!(
        verdict(&headers(Some("v999.0.0"), Some("s")), notification),
        Err((400, -32600))
    );
}

#[test]
fn modern_notifications_are_taken_and_responses_refused() {
    let notification = r#"{"jsonrpc":"2.0","method":"notifications/cancelled"}"#;
    assert_eq!(
        verdict(&headers(Some(MODERN), None), notification),
        Ok("modern notification")
    );
    let stated = format!(r#"{{"jsonrpc":"2.0","method":"n","params":{{"_meta":{META}}}}}"#);
    assert_eq!(verdict(&headers(None, None), &stated), Ok("modern notification"));
    let response = r#"{"jsonrpc":"2.0","id":1,"result":{}}"#;
    assert_eq!(
        verdict(&headers(Some(MODERN), Some("s")), response),
        Err((400, -32600))
    );
}

#[test]
fn repeated_params_members_are_refused_in_both_eras() {
    let body = request("tools/call", r#"{"name":"a","name":"b"}"#);
    assert_eq!(verdict(&headers(None, Some("s")), &body), Err((400, -32602)));
}

#[test]
fn only_the_first_revision_has_batches() {
    let allowed = |version| decide_batch(&headers(version, Some("s"))).map(|session| session.version);
    assert_eq!(allowed(None), Ok(None));
    assert_eq!(
        allowed(Some("2025-03-26")),
        Ok(Some(ProtocolVersion::V2025_03_26))
    );
    for version in ["2025-06-18", "2025-11-25", MODERN, "x"] {
        let rejection = allowed(Some(version)).unwrap_err();
        assert_eq!((rejection.status.as_u16(), rejection.error.code), (400, -32600));
    }
}

#[test]
fn the_modern_era_has_only_post() {
    let status =
        |version| decide_without_body(&headers(version, None)).map_err(|rejection| rejection.status.as_u16());
    assert!(status(None).is_ok() && status(Some("2025-11-25")).is_ok());
    assert_eq!(status(Some(MODERN)), Err(405));
    assert_eq!(status(Some("x")), Err(400));
}

#[test]
fn headers_are_read_once_and_trimmed() {
    let mut map = HeaderMap::new();
    map.append("MCP-Protocol-Version", HeaderValue::from_static(" 2026-07-28 "));
    map.append("mcp-session-id", HeaderValue::from_static("s"));
    let read = EraHeaders::read(&map).unwrap();
    assert_eq!((read.version, read.session_id), (Some(MODERN), Some("s")));
    map.append("mcp-session-id", HeaderValue::from_static("t"));
    assert_eq!(
        EraHeaders::read(&map).unwrap_err().status,
        StatusCode::BAD_REQUEST
    );
}
