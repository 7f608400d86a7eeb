//! What the upstream says to one message.

use std::borrow::Cow;
use std::sync::atomic::{AtomicU64, Ordering};

use http::{HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::protocol::{LEGACY_REVISION, MODERN_REVISION, TOOL};

/// The answer to one message, before it is put into HTTP.
#[derive(Debug)]
pub(crate) enum Answer {
    /// A notification or a response: taken, nothing to say.
    Nothing,
    /// A response.
    Json(StatusCode, Vec<u8>),
    /// The response to `initialize`, with the session it opened.
    Session(HeaderValue, Vec<u8>),
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    method: Option<Cow<'a, str>>,
    #[serde(borrow)]
    params: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct CallParams<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    arguments: CallArguments<'a>,
}

#[derive(Deserialize)]
struct CallArguments<'a> {
    #[serde(borrow)]
    text: Cow<'a, str>,
}

#[derive(Serialize)]
struct Success<'a, R> {
    jsonrpc: &'static str,
    id: &'a RawValue,
    result: R,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CallResult<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    result_type: Option<&'static str>,
    content: [TextContent<'a>; 1],
}

#[derive(Serialize)]
struct TextContent<'a> {
    r#type: &'static str,
    text: &'a str,
}

/// Answers the message in `body`.
///
/// Session ids are handed out but not kept: the upstream only checks that a legacy request carries one.
pub(crate) fn answer(body: &[u8], modern: bool, in_session: bool) -> Answer {
    let Ok(message) = serde_json::from_slice::<Message<'_>>(body) else {
        return refusal(StatusCode::BAD_REQUEST, None, -32700, "not a JSON-RPC message");
    };
    let (Some(id), Some(method)) = (message.id, message.method.as_deref()) else {
        return Answer::Nothing;
    };
    if !modern && !in_session && method != "initialize" && method != "ping" {
        return refusal(
            StatusCode::BAD_REQUEST,
            Some(id),
            -32600,
            "the session id is missing",
        );
    }
    match method {
        "tools/call" => call(id, message.params, modern),
        "tools/list" => success(id, list_result(modern)),
        "server/discover" if modern => success(id, discover_result()),
        "initialize" if !modern => Answer::Session(next_session_id(), encode(id, initialize_result())),
        "ping" if !modern => success(id, json!({})),
        _ => {
            let status = if modern {
                StatusCode::NOT_FOUND
            } else {
                StatusCode::OK
            };
            refusal(status, Some(id), -32601, "unknown method")
        }
    }
}

fn call(id: &RawValue, params: Option<&RawValue>, modern: bool) -> Answer {
    let params = params.and_then(|raw| serde_json::from_str::<CallParams<'_>>(raw.get()).ok());
    match params {
        Some(params) if params.name == TOOL => success(
            id,
            CallResult {
                result_type: modern.then_some("complete"),
                content: [TextContent {
                    r#type: "text",
                    text: &params.arguments.text,
                }],
            },
        ),
        _ => {
            let status = if modern {
                StatusCode::BAD_REQUEST
            } else {
                StatusCode::OK
            };
            refusal(
                status,
                Some(id),
                -32602,
                "tools/call wants the tool echo with a text",
            )
        }
    }
}

fn list_result(modern: bool) -> Value {
    let mut result = json!({
        "tools": [{
            "name": TOOL,
            "description": "Gives its text back.",
            "inputSchema": {
                "type": "object",
                "properties": { "text": { "type": "string" } },
                "required": ["text"],
            },
        }],
    });
    if modern {
        result["resultType"] = json!("complete");
        result["ttlMs"] = json!(60_000);
        result["cacheScope"] = json!("public");
    }
    result
}

fn discover_result() -> Value {
    json!({
        "resultType": "complete",
        "supportedVersions": [MODERN_REVISION, LEGACY_REVISION],
        "capabilities": { "tools": {} },
        "ttlMs": 60_000,
        "cacheScope": "public",
        "_meta": { "io.modelcontextprotocol/serverInfo": server_info() },
    })
}

fn initialize_result() -> Value {
    json!({
        "protocolVersion": LEGACY_REVISION,
        "capabilities": { "tools": {} },
        "serverInfo": server_info(),
    })
}

fn server_info() -> Value {
    json!({ "name": "mcpg-bench-echo", "version": env!("CARGO_PKG_VERSION") })
}

fn next_session_id() -> HeaderValue {
    static ISSUED: AtomicU64 = AtomicU64::new(1);
    HeaderValue::from(ISSUED.fetch_add(1, Ordering::Relaxed))
}

fn success(id: &RawValue, result: impl Serialize) -> Answer {
    Answer::Json(StatusCode::OK, encode(id, result))
}

fn encode(id: &RawValue, result: impl Serialize) -> Vec<u8> {
    let success = Success {
        jsonrpc: "2.0",
        id,
        result,
    };
    serde_json::to_vec(&success).expect("strings and plain structs always become JSON")
}

fn refusal(status: StatusCode, id: Option<&RawValue>, code: i32, message: &str) -> Answer {
    let id = id.map_or("null", RawValue::get);
    let message = json!(message);
    let body = format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":{code},"message":{message}}}}}"#);
    Answer::Json(status, body.into_bytes())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn json_of(answer: Answer) -> (StatusCode, Value) {
        match answer {
            Answer::Json(status, body) => (status, serde_json::from_slice(&body).unwrap()),
            other => panic!("a JSON answer was expected, not {other:?}"),
        }
    }

    #[test]
    fn a_call_gives_the_text_and_the_id_back() {
        let body = br#"{"jsonrpc":"2.0","id":"a","method":"tools/call","params":{"name":"echo","arguments":{"text":"x\n\"y\""}}}"#;
        let (status, json) = json_of(answer(body, true, false));
        assert_eq!(status, StatusCode::OK);
        assert_eq!(json["id"], "a");
        assert_eq!(json["result"]["content"][0]["text"], "x\n\"y\"");
        assert_eq!(json["result"]["resultType"], "complete");
        let (_, legacy) = json_of(answer(body, false, true));
        assert!(legacy["result"].get("resultType").is_none());
    }

    #[test]
    fn a_legacy_request_without_a_session_is_refused() {
        let body = br#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
        assert_eq!(json_of(answer(body, false, false)).0, StatusCode::BAD_REQUEST);
        assert_eq!(json_of(answer(body, false, true)).0, StatusCode::OK);
    }

    #[test]
    fn every_initialize_opens_another_session() {
        let body = br#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}"#;
        let (Answer::Session(first, _), Answer::Session(second, json)) =
            (answer(body, false, false), answer(body, false, false))
        else {
            panic!("initialize opens a session");
        };
        assert_ne!(first, second);
        let json: Value = serde_json::from_slice(&json).unwrap();
        assert_eq!(json["result"]["protocolVersion"], LEGACY_REVISION);
    }

    #[test]
    fn each_era_knows_only_its_own_methods() {
        let initialize = br#"{"jsonrpc":"2.0","id":1,"method":"initialize"}"#;
        let (status, json) = json_of(answer(initialize, true, false));
        assert_eq!(
            (status, &json["error"]["code"]),
            (StatusCode::NOT_FOUND, &json!(-32601))
        );
        let discover = br#"{"jsonrpc":"2.0","id":1,"method":"server/discover"}"#;
        let (_, json) = json_of(answer(discover, true, false));
        assert_eq!(json["result"]["supportedVersions"][0], MODERN_REVISION);
        assert_eq!(json_of(answer(discover, false, true)).1["error"]["code"], -32601);
    }

    #[test]
    fn a_notification_is_taken_in_silence() {
        let body = br#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
        assert!(matches!(answer(body, false, true), Answer::Nothing));
    }
}
