//! The members of a JSON-RPC envelope and the rules they obey together.

use super::{InvalidMessage, Message, Notification, Request, Response, invalid};
use crate::id::RequestId;
use crate::raw;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;

/// The envelope members of one object, before any rule is applied to them.
#[derive(Default)]
pub(super) struct Members<'a> {
    jsonrpc: Option<&'a RawValue>,
    id: Option<&'a RawValue>,
    method: Option<&'a RawValue>,
    params: Option<&'a RawValue>,
    result: Option<&'a RawValue>,
    error: Option<&'a RawValue>,
    duplicate: bool,
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "lowercase")]
enum Name {
    Jsonrpc,
    Id,
    Method,
    Params,
    Result,
    Error,
    #[serde(other)]
    Unknown,
}

impl<'a> Members<'a> {
    fn slot(&mut self, name: &Name) -> Option<&mut Option<&'a RawValue>> {
        match name {
            Name::Jsonrpc => Some(&mut self.jsonrpc),
            Name::Id => Some(&mut self.id),
            Name::Method => Some(&mut self.method),
            Name::Params => Some(&mut self.params),
            Name::Result => Some(&mut self.result),
            Name::Error => Some(&mut self.error),
            Name::Unknown => None,
        }
    }

    /// Applies the rules of JSON-RPC.
    pub(super) fn into_message(self) -> Result<Message<'a>, InvalidMessage> {
        if self.duplicate {
            // With two ids or two methods nobody can say which request an answer would be for.
            return Err(invalid(None, "a member of the message occurs twice"));
        }
        let id = self.id.and_then(|id| RequestId::from_raw(id).ok());
        let refuse = |reason: &str| Err(invalid(id.clone(), reason));
        if self.jsonrpc.and_then(raw::string).as_deref() != Some("2.0") {
            return refuse("jsonrpc must be \"2.0\"");
        }
        match (self.method, self.result.is_some() || self.error.is_some()) {
            (Some(_), true) => refuse("a message cannot have both a method and an outcome"),
            (None, false) => refuse("the message has neither method nor result nor error"),
            (Some(method), false) => self.into_call(method, id),
            (None, true) => self.into_response(id).map(Message::Response),
        }
    }

    fn into_call(self, method: &'a RawValue, id: Option<RequestId>) -> Result<Message<'a>, InvalidMessage> {
        let Some(method) = raw::string(method) else {
            return Err(invalid(id, "the method must be a string"));
        };
        if self
            .params
            .is_some_and(|params| !raw::is_object(params) && !raw::is_array(params))
        {
            return Err(invalid(id, "the params must be an object or an array"));
        }
        let params = self.params;
        match (self.id, id) {
            (None, _) => Ok(Message::Notification(Notification { method, params })),
            (Some(_), Some(id)) => Ok(Message::Request(Request { id, method, params })),
            (Some(_), None) => Err(invalid(None, "the id must be a string or an integer")),
        }
    }

    fn into_response(self, id: Option<RequestId>) -> Result<Response<'a>, InvalidMessage> {
        // The answer to an invalid response must not carry the id: it would look like the answer to another request.
        let refuse = |reason: &str| Err(invalid(None, reason));
        let no_id = self.id.is_none_or(|id| id.get() == "null");
        match (self.result, self.error, id) {
            (Some(_), Some(_), _) => refuse("a response cannot have both a result and an error"),
            (Some(result), None, _) if !raw::is_object(result) => refuse("the result must be an object"),
            (_, Some(error), _) if !raw::is_object(error) => refuse("the error must be an object"),
            (Some(result), None, Some(id)) => Ok(Response {
                id: Some(id),
                outcome: Ok(result),
            }),
            (None, Some(error), Some(id)) => Ok(Response {
                id: Some(id),
                outcome: Err(error),
            }),
            (None, Some(error), None) if no_id => Ok(Response {
                id: None,
                outcome: Err(error),
            }),
            _ => refuse("the id of a response must be a string or an integer"),
        }
    }
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON-RPC message")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Members::default();
        while let Some(name) = map.next_key::<Name>()? {
            let value = map.next_value::<&'de RawValue>()?;
            let Some(slot) = members.slot(&name) else { continue };
            if slot.replace(value).is_some() {
                members.duplicate = true;
            }
        }
        Ok(members)
    }
}
