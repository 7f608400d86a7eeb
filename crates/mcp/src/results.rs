//! What a result gains and loses when it crosses between the eras.

use crate::object::{NotAnObject, Object};
use serde_json::value::RawValue;
use std::borrow::Cow;

const RESULT_TYPE: &str = "resultType";
const TTL: &str = "ttlMs";
const SCOPE: &str = "cacheScope";
/// `resultType` of a final result.
pub const COMPLETE: &str = "complete";
/// `resultType` of a result that asks the client for input.
pub const INPUT_REQUIRED: &str = "input_required";

/// Who may share a cached result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CacheScope {
    /// Everyone.
    Public,
    /// Only requests with the same authorization.
    Private,
}

/// How long and by whom a result may be cached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CacheHints {
    /// Milliseconds for which the result counts as fresh.
    pub ttl_ms: u64,
    /// Who may share it.
    pub scope: CacheScope,
}

impl CacheScope {
    /// The scope on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Private => "private",
        }
    }
}

impl CacheHints {
    /// The hints that promise nothing: stale at once, and for nobody else.
    pub const NONE: Self = Self {
        ttl_ms: 0,
        scope: CacheScope::Private,
    };

    /// Reads the hints of a result. What is missing or malformed promises nothing.
    #[must_use]
    pub fn of(result: &Object<'_>) -> Self {
        Self {
            ttl_ms: result.get_u64(TTL).unwrap_or(Self::NONE.ttl_ms),
            scope: scope_of(result).unwrap_or(Self::NONE.scope),
        }
    }

    /// Writes the hints into a result.
    pub fn set_on(&self, result: &mut Object<'_>) {
        result.set_u64(TTL, self.ttl_ms);
        result.set_str(SCOPE, self.scope.as_str());
    }

    fn fill_in(&self, result: &mut Object<'_>) {
        if result.get_u64(TTL).is_none() {
            result.set_u64(TTL, self.ttl_ms);
        }
        if scope_of(result).is_none() {
            result.set_str(SCOPE, self.scope.as_str());
        }
    }
}

/// True for the six methods whose complete results must say how to cache them.
#[must_use]
pub fn is_cacheable(method: &str) -> bool {
    matches!(
        method,
        "server/discover"
            | "tools/list"
            | "prompts/list"
            | "resources/list"
            | "resources/templates/list"
            | "resources/read"
    )
}

/// The `resultType` of a modern result. A result without one is complete.
#[must_use]
pub fn result_type<'r>(result: &'r Object<'_>) -> Cow<'r, str> {
    result.get_str(RESULT_TYPE).unwrap_or(Cow::Borrowed(COMPLETE))
}

/// Makes a result of a legacy upstream fit for a modern client.
///
/// A member that happens to be called `resultType` has no meaning in the legacy era and is overwritten: a client would
/// otherwise take the result for an unfinished one.
///
/// # Errors
/// [`NotAnObject`] if the result is no object.
pub fn to_modern(
    result: &RawValue,
    method: &str,
    defaults: CacheHints,
) -> Result<Box<RawValue>, NotAnObject> {
    let mut object = Object::parse(result)?;
    object_to_modern(&mut object, method, defaults);
    Ok(object.to_raw())
}

/// The same as [`to_modern`] on a result that is already open.
pub fn object_to_modern(result: &mut Object<'_>, method: &str, defaults: CacheHints) {
    result.set_str(RESULT_TYPE, COMPLETE);
    if is_cacheable(method) {
        defaults.fill_in(result);
    }
}

/// Adds what a modern upstream forgot: `resultType`, and the cache hints of a complete cacheable result. Everything
/// that is there stays.
pub fn complete_modern(result: &mut Object<'_>, method: &str, defaults: CacheHints) {
    if result.get_str(RESULT_TYPE).is_none() {
        result.set_str(RESULT_TYPE, COMPLETE);
    }
    if is_cacheable(method) && result_type(result) == COMPLETE {
        defaults.fill_in(result);
    }
}

/// Makes a complete result of a modern upstream fit for a legacy client.
///
/// # Errors
/// [`NotAnObject`] if the result is no object.
pub fn to_legacy(result: &RawValue, method: &str) -> Result<Box<RawValue>, NotAnObject> {
    let mut object = Object::parse(result)?;
    object_to_legacy(&mut object, method);
    Ok(object.to_raw())
}

/// The same as [`to_legacy`] on a result that is already open.
pub fn object_to_legacy(result: &mut Object<'_>, method: &str) {
    result.remove(RESULT_TYPE);
    if is_cacheable(method) {
        result.remove(TTL);
        result.remove(SCOPE);
    }
}

fn scope_of(result: &Object<'_>) -> Option<CacheScope> {
    match result.get_str(SCOPE)?.as_ref() {
        "public" => Some(CacheScope::Public),
        "private" => Some(CacheScope::Private),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).unwrap()
    }

    fn modern(text: &str, method: &str) -> String {
        to_modern(&raw(text), method, CacheHints::NONE)
            .unwrap()
            .get()
            .to_owned()
    }

    #[test]
    fn a_legacy_result_gains_its_type_and_hints() {
        assert_eq!(
            modern(r#"{"content":[ ]}"#, "tools/call"),
            r#"{"content":[ ],"resultType":"complete"}"#
        );
        assert_eq!(
            modern(r#"{"tools":[]}"#, "tools/list"),
            r#"{"tools":[],"resultType":"complete","ttlMs":0,"cacheScope":"private"}"#
        );
        assert_eq!(
            modern(r#"{"ttlMs":-5,"cacheScope":"all"}"#, "resources/read"),
            r#"{"ttlMs":0,"cacheScope":"private","resultType":"complete"}"#
        );
        assert_eq!(
            modern(r#"{"ttlMs":9,"cacheScope":"public"}"#, "resources/list"),
            r#"{"ttlMs":9,"cacheScope":"public","resultType":"complete"}"#
        );
    }

    #[test]
    fn a_legacy_result_cannot_pass_for_an_unfinished_one() {
        let result = modern(r#"{"resultType":"input_required"}"#, "tools/call");
        assert_eq!(result, r#"{"resultType":"complete"}"#);
    }

    #[test]
    fn a_modern_result_keeps_what_it_has() {
        let text = raw(r#"{"resultType":"input_required"}"#);
        let mut object = Object::parse(&text).unwrap();
        complete_modern(&mut object, "resources/read", CacheHints::NONE);
        assert_eq!(object.to_raw().get(), text.get());
        let text = raw("{}");
        let mut object = Object::parse(&text).unwrap();
        let hints = CacheHints {
            ttl_ms: 3,
            scope: CacheScope::Public,
        };
        complete_modern(&mut object, "prompts/list", hints);
        assert_eq!(
            object.to_raw().get(),
            r#"{"resultType":"complete","ttlMs":3,"cacheScope":"public"}"#
        );
        assert_eq!(CacheHints::of(&object), hints);
    }

    #[test]
    fn a_legacy_client_sees_none_of_it() {
        let text = r#"{"ttlMs":1,"x":1,"cacheScope":"public","resultType":"complete"}"#;
        assert_eq!(to_legacy(&raw(text), "tools/list").unwrap().get(), r#"{"x":1}"#);
        let kept = r#"{"ttlMs":1,"x":1,"cacheScope":"public"}"#;
        assert_eq!(to_legacy(&raw(text), "tools/call").unwrap().get(), kept);
        assert!(to_legacy(&raw("[]"), "tools/call").is_err());
    }

    #[test]
    fn exactly_six_methods_are_cacheable() {
        assert!(is_cacheable("server/discover") && is_cacheable("resources/templates/list"));
        assert!(!is_cacheable("tools/call") && !is_cacheable("prompts/get"));
    }
}
