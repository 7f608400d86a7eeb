//! What the load sends, and what it takes for an answer.

use std::borrow::Cow;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::failure::{Failure, While as _};
use crate::protocol::{LEGACY_REVISION, TOOL};

/// What one run of the load speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Era {
    /// Revision 2026-07-28: every request stands alone.
    Modern,
    /// Revision 2025-11-25: every connection has a session.
    Legacy,
    /// No MCP at all: the body comes back as it is.
    Raw,
}

#[derive(Deserialize)]
struct CallResponse<'a> {
    id: u64,
    #[serde(borrow)]
    result: CallResult<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CallResult<'a> {
    #[serde(borrow)]
    result_type: Option<Cow<'a, str>>,
    #[serde(borrow)]
    content: [TextContent<'a>; 1],
}

#[derive(Deserialize)]
struct TextContent<'a> {
    #[serde(borrow)]
    text: Cow<'a, str>,
}

/// Returns a text no other call of the run has, so that a swapped answer is seen.
pub(crate) fn call_text(connection: u32, id: u64) -> String {
    format!("connection {connection:05} call {id:010}: the quick brown fox jumps over the lazy dog")
}

/// Returns the body of a tools/call.
pub(crate) fn call_body(era: Era, id: u64, text: &str) -> Vec<u8> {
    let meta = match era {
        Era::Modern => MODERN_META,
        Era::Legacy | Era::Raw => "",
    };
    format!(
        r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"{TOOL}","arguments":{{"text":"{text}"}}{meta}}}}}"#
    )
    .into_bytes()
}

const MODERN_META: &str = concat!(
    r#","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","#,
    r#""io.modelcontextprotocol/clientCapabilities":{},"#,
    r#""io.modelcontextprotocol/clientInfo":{"name":"mcpg-bench","version":"1"}}"#,
);

/// Returns the body of the request that opens a session.
pub(crate) fn initialize_body() -> Vec<u8> {
    json!({
        "jsonrpc": "2.0",
        "id": 0,
        "method": "initialize",
        "params": {
            "protocolVersion": LEGACY_REVISION,
            "capabilities": {},
            "clientInfo": { "name": "mcpg-bench", "version": "1" },
        },
    })
    .to_string()
    .into_bytes()
}

/// Returns the notification that ends the opening of a session.
pub(crate) fn initialized_body() -> Vec<u8> {
    br#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#.to_vec()
}

/// Fails unless the response is the success of exactly the call `id` with `text`.
pub(crate) fn check_call(
    era: Era,
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    id: u64,
    text: &str,
) -> Result<(), Failure> {
    let shown = || String::from_utf8_lossy(&body[..body.len().min(300)]).into_owned();
    if status != StatusCode::OK {
        return Err(Failure::new(format!("call {id}: status {status}: {}", shown())));
    }
    let json = if is_event_stream(headers) {
        last_event(body).ok_or_else(|| Failure::new(format!("call {id}: an empty event stream")))?
    } else {
        body
    };
    let response: CallResponse<'_> =
        serde_json::from_slice(json).attempting(|| format!("call {id}: reading the answer {}", shown()))?;
    if response.id != id {
        return Err(Failure::new(format!(
            "call {id}: the answer has the id {}",
            response.id
        )));
    }
    let found = &response.result.content[0].text;
    if found != text {
        return Err(Failure::new(format!(
            "call {id}: the text came back as {found:?}"
        )));
    }
    let result_type = response.result.result_type.as_deref();
    if era == Era::Modern && result_type != Some("complete") {
        return Err(Failure::new(format!("call {id}: resultType is {result_type:?}")));
    }
    Ok(())
}

fn is_event_stream(headers: &HeaderMap) -> bool {
    headers
        .get(CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"text/event-stream"))
}

/// Returns the data of the last event that has any; events before it announce the stream or report progress.
fn last_event(body: &[u8]) -> Option<&[u8]> {
    body.split(|byte| *byte == b'\n')
        .filter_map(|line| line.strip_prefix(b"data:"))
        .map(<[u8]>::trim_ascii)
        .rfind(|data| !data.is_empty())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use serde_json::Value;

    use super::*;
    use crate::protocol::MODERN_REVISION;

    const GOOD: &[u8] = br#"{"jsonrpc":"2.0","id":7,"result":{"resultType":"complete","content":[{"type":"text","text":"hi"}]}}"#;

    fn check(era: Era, status: u16, body: &[u8]) -> Result<(), String> {
        let status = StatusCode::from_u16(status).map_err(|error| error.to_string())?;
        check_call(era, status, &HeaderMap::new(), body, 7, "hi").map_err(|error| error.to_string())
    }

    #[test]
    fn the_expected_answer_passes() {
        assert_eq!(check(Era::Modern, 200, GOOD), Ok(()));
        assert_eq!(check(Era::Legacy, 200, GOOD), Ok(()));
    }

    #[test]
    fn another_status_is_an_error_that_shows_the_body() {
        let error = check(Era::Modern, 503, b"busy").expect_err("503 is no success");
        assert!(error.contains("503") && error.contains("busy"), "{error}");
    }

    #[test]
    fn the_answer_to_another_call_is_an_error() {
        let body = br#"{"id":8,"result":{"resultType":"complete","content":[{"text":"hi"}]}}"#;
        let error = check(Era::Modern, 200, body).expect_err("8 is not 7");
        assert!(error.contains("id 8"), "{error}");
        let text = br#"{"id":"7","result":{"resultType":"complete","content":[{"text":"hi"}]}}"#;
        assert!(check(Era::Modern, 200, text).is_err(), "an id keeps its type");
    }

    #[test]
    fn another_text_is_an_error() {
        let body = br#"{"id":7,"result":{"resultType":"complete","content":[{"text":"ho"}]}}"#;
        let error = check(Era::Legacy, 200, body).expect_err("ho is not hi");
        assert!(error.contains("\"ho\""), "{error}");
    }

    #[test]
    fn a_json_rpc_error_is_an_error() {
        let body = br#"{"jsonrpc":"2.0","id":7,"error":{"code":-32603,"message":"upstream gone"}}"#;
        let error = check(Era::Modern, 200, body).expect_err("an error is no result");
        assert!(error.contains("upstream gone"), "{error}");
    }

    #[test]
    fn only_the_modern_era_wants_a_result_type() {
        let body = br#"{"id":7,"result":{"content":[{"text":"hi"}]}}"#;
        assert_eq!(check(Era::Legacy, 200, body), Ok(()));
        assert!(check(Era::Modern, 200, body).is_err());
    }

    #[test]
    fn the_last_event_of_a_stream_is_the_answer() {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        let mut body = b"id: 1\ndata: \n\nevent: message\nid: 2\ndata: ".to_vec();
        body.extend_from_slice(GOOD);
        body.extend_from_slice(b"\r\n\r\n: done\n\n");
        let checked = check_call(Era::Legacy, StatusCode::OK, &headers, &body, 7, "hi");
        assert_eq!(checked, Ok(()));
        let empty = check_call(Era::Legacy, StatusCode::OK, &headers, b": hi\n\n", 7, "hi");
        assert!(empty.is_err());
    }

    #[test]
    fn a_modern_call_carries_its_own_context() {
        let text = call_text(3, 7);
        let body: Value =
            serde_json::from_slice(&call_body(Era::Modern, 7, &text)).expect("the body is JSON");
        assert_eq!(body["id"], 7);
        assert_eq!(body["params"]["arguments"]["text"], text);
        let meta = &body["params"]["_meta"];
        assert_eq!(meta["io.modelcontextprotocol/protocolVersion"], MODERN_REVISION);
        assert!(meta["io.modelcontextprotocol/clientCapabilities"].is_object());
        let legacy: Value =
            serde_json::from_slice(&call_body(Era::Legacy, 7, &text)).expect("the body is JSON");
        assert!(legacy["params"].get("_meta").is_none());
    }
}
