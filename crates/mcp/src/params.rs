//! The members of `params` a gateway routes by, read in one pass.

use crate::error::ErrorObject;
use crate::raw;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// Raw views of the well-known members of one request's `params`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Params<'a> {
    /// `_meta`
    pub meta: Option<&'a RawValue>,
    /// `name` of tools/call and prompts/get
    pub name: Option<&'a RawValue>,
    /// `uri` of resources/read and resources/subscribe
    pub uri: Option<&'a RawValue>,
    /// `arguments` of tools/call and prompts/get
    pub arguments: Option<&'a RawValue>,
    /// `cursor` of the list methods
    pub cursor: Option<&'a RawValue>,
    /// `taskId` of the task methods
    pub task_id: Option<&'a RawValue>,
    /// `requestState` of a retried modern request
    pub request_state: Option<&'a RawValue>,
    /// `inputResponses` of a retried modern request
    pub input_responses: Option<&'a RawValue>,
    /// `requestId` of notifications/cancelled
    pub request_id: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(field_identifier)]
enum Key {
    #[serde(rename = "_meta")]
    Meta,
    #[serde(rename = "name")]
    Name,
    #[serde(rename = "uri")]
    Uri,
    #[serde(rename = "arguments")]
    Arguments,
    #[serde(rename = "cursor")]
    Cursor,
    #[serde(rename = "taskId")]
    TaskId,
    #[serde(rename = "requestState")]
    RequestState,
    #[serde(rename = "inputResponses")]
    InputResponses,
    #[serde(rename = "requestId")]
    RequestId,
    #[serde(other)]
    Unknown,
}

impl<'a> Params<'a> {
    /// Reads `params`. Absent and positional (array) params have no members.
    ///
    /// # Errors
    /// Invalid params (-32602) if one of the well-known members occurs twice: the upstream could then act on another
    /// value than the one that was routed and authorised here.
    pub fn parse(params: Option<&'a RawValue>) -> Result<Self, ErrorObject> {
        match params {
            Some(params) if raw::is_object(params) => {
                serde_json::from_str(params.get()).map_err(ErrorObject::invalid_params)
            }
            _ => Ok(Self::default()),
        }
    }

    /// The decoded `name`.
    #[must_use]
    pub fn name(&self) -> Option<Cow<'a, str>> {
        self.name.and_then(raw::string)
    }

    /// The decoded `uri`.
    #[must_use]
    pub fn uri(&self) -> Option<Cow<'a, str>> {
        self.uri.and_then(raw::string)
    }

    /// The decoded `cursor`. The empty string is a cursor like any other.
    #[must_use]
    pub fn cursor(&self) -> Option<Cow<'a, str>> {
        self.cursor.and_then(raw::string)
    }

    /// The decoded `taskId`.
    #[must_use]
    pub fn task_id(&self) -> Option<Cow<'a, str>> {
        self.task_id.and_then(raw::string)
    }

    fn slot(&mut self, name: &Key) -> Option<&mut Option<&'a RawValue>> {
        match name {
            Key::Meta => Some(&mut self.meta),
            Key::Name => Some(&mut self.name),
            Key::Uri => Some(&mut self.uri),
            Key::Arguments => Some(&mut self.arguments),
            Key::Cursor => Some(&mut self.cursor),
            Key::TaskId => Some(&mut self.task_id),
            Key::RequestState => Some(&mut self.request_state),
            Key::InputResponses => Some(&mut self.input_responses),
            Key::RequestId => Some(&mut self.request_id),
            Key::Unknown => None,
        }
    }
}

impl<'de> Deserialize<'de> for Params<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ParamsVisitor)
    }
}

struct ParamsVisitor;

impl<'de> Visitor<'de> for ParamsVisitor {
    type Value = Params<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut params = Params::default();
        while let Some(name) = map.next_key::<Key>()? {
            let Some(slot) = params.slot(&name) else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            if slot.replace(map.next_value::<&'de RawValue>()?).is_some() {
                return Err(serde::de::Error::custom("a member occurs twice"));
            }
        }
        Ok(params)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn members_are_found_and_stay_raw() {
        let text = r#"{"name":"a\tb","arguments":{"name": 1},"cursor":"","x":[{}],"taskId":5,"uri":"u:v"}"#;
        let raw = RawValue::from_string(text.to_owned()).unwrap();
        let params = Params::parse(Some(&raw)).unwrap();
        assert_eq!(params.name().unwrap(), "a\tb");
        assert_eq!(params.arguments.unwrap().get(), r#"{"name": 1}"#);
        assert_eq!(
            (params.cursor().as_deref(), params.uri().as_deref()),
            (Some(""), Some("u:v"))
        );
        assert_eq!(params.task_id(), None);
        assert!(params.meta.is_none());
    }

    #[test]
    fn a_routed_member_must_not_occur_twice() {
        let raw = RawValue::from_string(r#"{"name":"a","n\u0061me":"b"}"#.to_owned()).unwrap();
        assert_eq!(Params::parse(Some(&raw)).unwrap_err().code, -32602);
        let raw = RawValue::from_string(r#"{"other":"a","other":"b"}"#.to_owned()).unwrap();
        assert!(Params::parse(Some(&raw)).is_ok());
    }

    #[test]
    fn absent_and_positional_params_have_no_members() {
        let raw = RawValue::from_string(r#"["name"]"#.to_owned()).unwrap();
        assert!(Params::parse(Some(&raw)).unwrap().name.is_none());
        assert!(Params::parse(None).unwrap().meta.is_none());
    }
}
