//! Writes JSON-RPC messages around raw parts, each in one allocation.

use crate::error::ErrorObject;
use crate::id::RequestId;
use crate::object::Object;
use bytes::Bytes;
use serde_json::value::RawValue;

const START: &[u8] = b"{\"jsonrpc\":\"2.0\"";
/// Room for the member names and punctuation of any message, so that the buffer never grows.
const FRAME: usize = 64;

/// Writes a request.
#[must_use]
pub fn request(id: &RequestId, method: &str, params: Option<&RawValue>) -> Bytes {
    let mut out = start(id.as_json().len() + method.len() + length(params));
    put_id(&mut out, id);
    put_method(&mut out, method, params);
    finish(out)
}

/// Writes a notification.
#[must_use]
pub fn notification(method: &str, params: Option<&RawValue>) -> Bytes {
    let mut out = start(method.len() + length(params));
    put_method(&mut out, method, params);
    finish(out)
}

/// Writes a response that carries a result.
#[must_use]
pub fn result(id: &RequestId, result: &RawValue) -> Bytes {
    let mut out = start(id.as_json().len() + result.get().len());
    put_id(&mut out, id);
    put_member(&mut out, b",\"result\":", result);
    finish(out)
}

/// Writes a request whose params are an object that was changed here.
#[must_use]
pub fn request_object(id: &RequestId, method: &str, params: &Object<'_>) -> Bytes {
    let mut out = start(id.as_json().len() + method.len() + params.size_hint());
    put_id(&mut out, id);
    put_method(&mut out, method, None);
    out.extend_from_slice(b",\"params\":");
    params.write_to(&mut out);
    finish(out)
}

/// Writes a response whose result is an object that was changed here.
#[must_use]
pub fn result_object(id: &RequestId, result: &Object<'_>) -> Bytes {
    let mut out = start(id.as_json().len() + result.size_hint());
    put_id(&mut out, id);
    out.extend_from_slice(b",\"result\":");
    result.write_to(&mut out);
    finish(out)
}

/// Writes a response that carries an error. Without an id the member is left out, never `null`.
#[must_use]
pub fn error(id: Option<&RequestId>, error: &ErrorObject) -> Bytes {
    let data = error.data.as_deref();
    let mut out = start(id.map_or(0, |id| id.as_json().len()) + error.message.len() + length(data) + FRAME);
    if let Some(id) = id {
        put_id(&mut out, id);
    }
    out.extend_from_slice(b",\"error\":");
    error.write_to(&mut out);
    finish(out)
}

/// Writes a response that carries an error object as it was received.
#[must_use]
pub fn raw_error(id: &RequestId, error: &RawValue) -> Bytes {
    let mut out = start(id.as_json().len() + error.get().len());
    put_id(&mut out, id);
    put_member(&mut out, b",\"error\":", error);
    finish(out)
}

/// Joins finished messages into one JSON-RPC batch.
#[must_use]
pub fn batch(messages: &[Bytes]) -> Bytes {
    let mut out = Vec::with_capacity(2 + messages.iter().map(|message| message.len() + 1).sum::<usize>());
    out.push(b'[');
    for (index, message) in messages.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.extend_from_slice(message);
    }
    out.push(b']');
    out.into()
}

fn start(content: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(FRAME + content);
    out.extend_from_slice(START);
    out
}

fn finish(mut out: Vec<u8>) -> Bytes {
    out.push(b'}');
    out.into()
}

fn length(raw: Option<&RawValue>) -> usize {
    raw.map_or(0, |raw| raw.get().len())
}

fn put_id(out: &mut Vec<u8>, id: &RequestId) {
    out.extend_from_slice(b",\"id\":");
    out.extend_from_slice(id.as_json().as_bytes());
}

fn put_member(out: &mut Vec<u8>, name: &[u8], value: &RawValue) {
    out.extend_from_slice(name);
    out.extend_from_slice(value.get().as_bytes());
}

fn put_method(out: &mut Vec<u8>, method: &str, params: Option<&RawValue>) {
    out.extend_from_slice(b",\"method\":");
    put_string(out, method);
    if let Some(params) = params {
        put_member(out, b",\"params\":", params);
    }
}

/// Method names need no escaping in practice; the check keeps a hostile one from breaking out of its quotes.
fn put_string(out: &mut Vec<u8>, text: &str) {
    if text
        .bytes()
        .any(|byte| byte < 0x20 || byte == b'"' || byte == b'\\')
    {
        out.extend_from_slice(crate::raw::from_string(text).get().as_bytes());
    } else {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raw::from_written;

    #[test]
    fn messages_have_no_null_for_absent_members() {
        let id = RequestId::from("a\"");
        let params = from_written("{\"x\": [1, 2.50]}".to_owned());
        assert_eq!(
            request(&id, "m", None),
            r#"{"jsonrpc":"2.0","id":"a\"","method":"m"}"#
        );
        assert_eq!(
            request(&RequestId::from_number(3), "m", Some(&params)),
            "{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"m\",\"params\":{\"x\": [1, 2.50]}}"
        );
        assert_eq!(notification("n", None), r#"{"jsonrpc":"2.0","method":"n"}"#);
        assert_eq!(
            result(&id, &params),
            "{\"jsonrpc\":\"2.0\",\"id\":\"a\\\"\",\"result\":{\"x\": [1, 2.50]}}"
        );
        assert_eq!(
            error(None, &ErrorObject::new(-1, "no")),
            r#"{"jsonrpc":"2.0","error":{"code":-1,"message":"no"}}"#
        );
        assert_eq!(
            raw_error(
                &RequestId::from_number(0),
                &from_written("{\"code\":1}".to_owned())
            ),
            r#"{"jsonrpc":"2.0","id":0,"error":{"code":1}}"#
        );
    }

    #[test]
    fn a_hostile_method_name_stays_inside_its_quotes() {
        let bytes = notification("a\",\"id\":1,\"x\":\"\n", None);
        let value: serde_json::Value = serde_json::from_slice(&bytes).unwrap_or_default();
        assert_eq!(value["method"], "a\",\"id\":1,\"x\":\"\n");
        assert_eq!(value.get("id"), None);
    }

    #[test]
    fn objects_are_written_like_raw_values() {
        let raw = from_written("{\"x\":[1, 2]}".to_owned());
        let object = Object::parse(&raw).unwrap_or_default();
        let id = RequestId::from_number(1);
        assert_eq!(request_object(&id, "m", &object), request(&id, "m", Some(&raw)));
        assert_eq!(result_object(&id, &object), result(&id, &raw));
    }

    #[test]
    fn a_batch_is_an_array_of_its_messages() {
        assert_eq!(batch(&[]), "[]");
        assert_eq!(
            batch(&[Bytes::from_static(b"1"), Bytes::from_static(b"2")]),
            "[1,2]"
        );
    }
}
