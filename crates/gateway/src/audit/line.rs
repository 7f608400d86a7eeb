//! What is written down of a call.

use std::time::{Duration, SystemTime};

use chrono::{DateTime, SecondsFormat, Utc};
use mcpg_capabilities::principal::Principal;
use mcpg_capabilities::sessions::SessionId;
use mcpg_config::app::RedactPath;
use mcpg_mcp::version::{Era, ProtocolVersion};
use serde::Serialize;
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

use super::redact;

/// The longest name or URI that is written whole; real ones are far shorter.
const LONGEST_NAME: usize = 2048;
/// How many bytes of a digest stand for a session.
const SESSION_BYTES: usize = 8;

/// A call that is over.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) started: SystemTime,
    pub(super) took: Duration,
    /// What the log calls the HTTP request that it came in.
    pub(super) request: Option<String>,
    /// The JSON text of its JSON-RPC id.
    pub(super) id: Box<RawValue>,
    pub(super) principal: Principal,
    pub(super) session: Option<SessionId>,
    pub(super) version: ProtocolVersion,
    pub(super) method: &'static str,
    pub(super) name: Option<String>,
    pub(super) uri: Option<String>,
    pub(super) upstream: Option<usize>,
    pub(super) trace: Option<String>,
    pub(super) arguments: Option<Box<RawValue>>,
    pub(super) outcome: &'static str,
    pub(super) code: Option<i64>,
    pub(super) reason: Option<String>,
}

/// How records become lines.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) node: String,
    pub(super) boot: String,
    pub(super) upstreams: Vec<String>,
    pub(super) redact: Vec<RedactPath>,
}

#[derive(Serialize)]
struct Line<'r> {
    time: String,
    node: &'r str,
    boot: &'r str,
    principal: Who<'r>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace: Option<&'r str>,
    id: &'r RawValue,
    era: &'static str,
    protocol_version: &'static str,
    method: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    uri: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    upstream: Option<&'r str>,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'r str>,
    duration_ms: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    arguments: Option<Box<RawValue>>,
}

#[derive(Serialize)]
struct Who<'r> {
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'r str>,
}

impl Layout {
    /// Adds the line of a record.
    pub(super) fn write(&self, record: &Record, into: &mut Vec<u8>) {
        let arguments = record.arguments.as_deref().map(|arguments| {
            let text = redact::written(arguments, &self.redact);
            RawValue::from_string(text).expect("JSON without some of its values and spaces is JSON")
        });
        let line = Line {
            time: DateTime::<Utc>::from(record.started).to_rfc3339_opts(SecondsFormat::Millis, true),
            node: &self.node,
            boot: &self.boot,
            principal: Who {
                kind: record.principal.kind(),
                name: record.principal.name(),
            },
            session: record.session.as_ref().map(short_digest),
            request: record.request.as_deref(),
            trace: record.trace.as_deref(),
            id: &record.id,
            era: match record.version.era() {
                Era::Legacy => "legacy",
                Era::Modern => "modern",
            },
            protocol_version: record.version.as_str(),
            method: record.method,
            name: record.name.as_deref().map(clipped),
            uri: record.uri.as_deref().map(clipped),
            upstream: record
                .upstream
                .and_then(|at| self.upstreams.get(at))
                .map(String::as_str),
            outcome: record.outcome,
            code: record.code,
            reason: record.reason.as_deref(),
            duration_ms: in_milliseconds(record.took),
            arguments,
        };
        serde_json::to_writer(&mut *into, &line).expect("texts, numbers and JSON are written into memory");
        into.push(b'\n');
    }
}

/// With the id a client acts as the session, so only a digest of it is written: enough to tell which calls belong
/// together, and to find those of an id that is known.
fn short_digest(session: &SessionId) -> String {
    let digest = Sha256::digest(session.as_str());
    digest[..SESSION_BYTES]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn clipped(text: &str) -> &str {
    &text[..text.floor_char_boundary(LONGEST_NAME)]
}

/// To the microsecond.
fn in_milliseconds(duration: Duration) -> f64 {
    let micros = u32::try_from(duration.as_micros()).unwrap_or(u32::MAX);
    f64::from(micros) / 1000.0
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use mcpg_capabilities::mac::MacKey;

    use super::*;

    fn raw(json: &str) -> Box<RawValue> {
        RawValue::from_string(json.to_owned()).unwrap()
    }

    fn layout(redact: &[&str]) -> Layout {
        Layout {
            node: "a".to_owned(),
            boot: "b00t".to_owned(),
            upstreams: vec!["one".to_owned(), "two".to_owned()],
            redact: redact
                .iter()
                .map(|path| RedactPath::parse(path).unwrap())
                .collect(),
        }
    }

    fn record() -> Record {
        Record {
            started: SystemTime::UNIX_EPOCH + Duration::from_micros(1_793_000_000_123_456),
            took: Duration::from_micros(12_345),
            request: Some("b00t-1f".to_owned()),
            id: raw("7"),
            principal: Principal::key("ci"),
            session: None,
            version: ProtocolVersion::V2026_07_28,
            method: "tools/call",
            name: Some("pay".to_owned()),
            uri: None,
            upstream: Some(1),
            trace: Some("4bf92f3577b34da6a3ce929d0e0e4736".to_owned()),
            arguments: Some(raw(
                "{\n  \"to\": \"x\",\n  \"card\": {\"number\": \"s3cret\"}\n}",
            )),
            outcome: "ok",
            code: None,
            reason: None,
        }
    }

    fn text(layout: &Layout, record: &Record) -> String {
        let mut line = Vec::new();
        layout.write(record, &mut line);
        String::from_utf8(line).unwrap()
    }

    #[test]
    fn a_line_says_who_when_what_and_how_it_ended() {
        assert_eq!(
            text(&layout(&["card.number"]), &record()),
            concat!(
                r#"{"time":"2026-10-26T07:33:20.123Z","node":"a","boot":"b00t","principal":{"kind":"key","name":"ci"},"#,
                r#""request":"b00t-1f","trace":"4bf92f3577b34da6a3ce929d0e0e4736","id":7,"era":"modern","#,
                r#""protocol_version":"2026-07-28","method":"tools/call","name":"pay","upstream":"two","#,
                r#""outcome":"ok","duration_ms":12.345,"#,
                r#""arguments":{"to":"x","card":{"number":"[redacted]"}}}"#,
                "\n"
            )
        );
    }

    #[test]
    fn what_there_is_not_is_left_out_and_a_session_is_not_given_away() {
        let session = SessionId::mint(&MacKey::new([7; 16]), &Principal::anonymous());
        let mut record = Record {
            principal: Principal::anonymous(),
            session: Some(session.clone()),
            version: ProtocolVersion::V2025_11_25,
            method: "resources/read",
            name: None,
            uri: Some("notes://1".to_owned()),
            upstream: None,
            request: None,
            trace: None,
            arguments: None,
            outcome: "error",
            code: Some(-32002),
            ..record()
        };
        record.id = raw("\"r\\n\"");
        let line = text(&layout(&[]), &record);
        let digest = short_digest(&session);
        assert_eq!(digest.len(), 16);
        let expected = format!(
            r#"{{"time":"2026-10-26T07:33:20.123Z","node":"a","boot":"b00t","principal":{{"kind":"anonymous"}},"session":"{digest}","id":"r\n","era":"legacy","protocol_version":"2025-11-25","method":"resources/read","uri":"notes://1","outcome":"error","code":-32002,"duration_ms":12.345}}"#
        );
        assert_eq!(line.trim_end(), expected);
        assert!(!line.contains(session.as_str()));
    }

    #[test]
    fn no_name_breaks_a_line_or_fills_the_disk() {
        let record = Record {
            name: Some("\n\"}\r{\u{2028}".to_owned() + &"\u{e9}".repeat(LONGEST_NAME)),
            ..record()
        };
        let line = text(&layout(&[]), &record);
        assert_eq!(line.matches('\n').count(), 1);
        assert!(line.len() < LONGEST_NAME + 1024);
        let read: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert!(
            read["name"]
                .as_str()
                .unwrap()
                .starts_with("\n\"}\r{\u{2028}\u{e9}")
        );
    }
}
