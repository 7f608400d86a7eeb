//! A shallow, ordered view of a JSON object that changes single members and leaves the bytes of all others alone.

use crate::raw;
use serde::{Serialize, Serializer};
use serde_json::value::{RawValue, to_raw_value};
use std::borrow::Cow;
use std::fmt;

mod read;

use read::Members;

const META: &str = "_meta";

/// A JSON object whose member values stay raw text.
///
/// Members keep their order. A member that is not touched is written back byte for byte; only the white space between
/// members is dropped. When a key occurs twice the last value wins and takes the place of the first one, as in
/// JavaScript, and only that value is written back, so that no two readers of the output can disagree.
#[derive(Clone, Default)]
pub struct Object<'a> {
    members: Vec<Member<'a>>,
    created_meta: bool,
    had_duplicates: bool,
}

/// A raw JSON value, borrowed from the input or owned.
#[derive(Clone, Debug)]
pub enum Raw<'a> {
    /// A piece of the input.
    Borrowed(&'a RawValue),
    /// A value made here.
    Owned(Box<RawValue>),
}

/// The text or value is not a JSON object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAnObject;

#[derive(Clone)]
struct Member<'a> {
    key: Cow<'a, str>,
    /// The key as it was spelled, quotes included, when that is not simply the key between quotes.
    spelled: Option<&'a str>,
    value: Raw<'a>,
}

impl<'a> Object<'a> {
    /// Makes an empty object.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads an object from a raw value.
    ///
    /// # Errors
    /// [`NotAnObject`] if the value has another type or a key that is no valid Unicode text.
    pub fn parse(raw: &'a RawValue) -> Result<Self, NotAnObject> {
        Self::parse_str(raw.get())
    }

    /// Reads an object from JSON text.
    ///
    /// # Errors
    /// [`NotAnObject`] as in [`Object::parse`], and for text that is not JSON.
    pub fn parse_str(text: &'a str) -> Result<Self, NotAnObject> {
        let members: Members<'a> = serde_json::from_str(text).map_err(|_| NotAnObject)?;
        let read = members.0.len();
        let members = read::without_duplicates(members.0);
        let had_duplicates = members.len() < read;
        Ok(Self {
            members,
            created_meta: false,
            had_duplicates,
        })
    }

    /// True if the text held a key twice. Whoever forwards the original text instead of this view should refuse it
    /// then, because another reader may see the other value.
    #[must_use]
    pub fn had_duplicates(&self) -> bool {
        self.had_duplicates
    }

    /// The raw value of a member.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&RawValue> {
        self.members
            .iter()
            .find(|member| member.key == key)
            .map(|member| member.value.as_raw())
    }

    /// The raw value of a member that stands in the input, for as long as the input lives.
    pub(crate) fn get_borrowed(&self, key: &str) -> Option<&'a RawValue> {
        match &self.members.iter().find(|member| member.key == key)?.value {
            Raw::Borrowed(raw) => Some(raw),
            Raw::Owned(_) => None,
        }
    }

    /// The decoded text of a member that is a string.
    #[must_use]
    pub fn get_str(&self, key: &str) -> Option<Cow<'_, str>> {
        raw::string(self.get(key)?)
    }

    /// The value of a member that is `true` or `false`.
    #[must_use]
    pub fn get_bool(&self, key: &str) -> Option<bool> {
        match self.get(key)?.get() {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        }
    }

    /// The value of a member that is a whole number without sign.
    #[must_use]
    pub fn get_u64(&self, key: &str) -> Option<u64> {
        self.get(key)?.get().parse().ok()
    }

    /// True if the object has the member, whatever its value.
    #[must_use]
    pub fn contains(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// Sets a member: in place if it exists, else at the end.
    pub fn set(&mut self, key: impl Into<Cow<'a, str>>, value: impl Into<Raw<'a>>) {
        let (key, value) = (key.into(), value.into());
        match self.members.iter_mut().find(|member| member.key == key) {
            Some(member) => member.value = value,
            None => self.members.push(Member {
                key,
                spelled: None,
                value,
            }),
        }
    }

    /// Sets a member to a string.
    pub fn set_str(&mut self, key: impl Into<Cow<'a, str>>, text: &str) {
        self.set(key, raw::from_string(text));
    }

    /// Sets a member to a boolean.
    pub fn set_bool(&mut self, key: impl Into<Cow<'a, str>>, value: bool) {
        self.set(key, raw::from_written(value.to_string()));
    }

    /// Sets a member to a whole number.
    pub fn set_u64(&mut self, key: impl Into<Cow<'a, str>>, value: u64) {
        self.set(key, raw::from_written(value.to_string()));
    }

    /// Removes a member and returns its value.
    pub fn remove(&mut self, key: &str) -> Option<Raw<'a>> {
        let index = self.members.iter().position(|member| member.key == key)?;
        Some(self.members.remove(index).value)
    }

    /// True if the object has no members.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The number of members.
    #[must_use]
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// The members in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &RawValue)> {
        self.members
            .iter()
            .map(|member| (member.key.as_ref(), member.value.as_raw()))
    }

    /// The raw value of a member of `_meta`.
    #[must_use]
    pub fn get_meta(&self, key: &str) -> Option<&RawValue> {
        let mut meta = Object::parse(self.get(META)?).ok()?;
        match meta.remove(key)? {
            Raw::Borrowed(value) => Some(value),
            Raw::Owned(_) => None,
        }
    }

    /// Sets a member of `_meta`, creating `_meta` if it is missing or no object.
    pub fn set_meta(&mut self, key: &str, value: impl Into<Raw<'a>>) {
        let value = value.into();
        let existing = self.get(META).and_then(|meta| Object::parse(meta).ok());
        let written = if let Some(mut meta) = existing {
            meta.set(key, value.as_raw());
            meta.to_raw()
        } else {
            let mut meta = Object::new();
            meta.set(key, value.as_raw());
            let written = meta.to_raw();
            self.created_meta = true;
            written
        };
        self.set(META, written);
    }

    /// Removes a member of `_meta`. An empty `_meta` stays unless [`Object::set_meta`] of this very view created it.
    pub fn remove_meta(&mut self, key: &str) {
        let Some(mut meta) = self.get(META).and_then(|meta| Object::parse(meta).ok()) else {
            return;
        };
        if meta.remove(key).is_none() {
            return;
        }
        let written = (!meta.is_empty() || !self.created_meta).then(|| meta.to_raw());
        match written {
            Some(written) => self.set(META, written),
            None => {
                self.remove(META);
            }
        }
    }

    /// Appends the object as JSON text.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        out.push(b'{');
        for (index, member) in self.members.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            member.write_key(out);
            out.push(b':');
            out.extend_from_slice(member.value.as_raw().get().as_bytes());
        }
        out.push(b'}');
    }

    /// The number of bytes [`Object::write_to`] needs, or a few more.
    #[must_use]
    pub fn size_hint(&self) -> usize {
        let members = self.members.iter();
        2 + members
            .map(|member| member.key.len() + 4 + member.value.as_raw().get().len())
            .sum::<usize>()
    }

    /// The object as a raw value.
    #[must_use]
    pub fn to_raw(&self) -> Box<RawValue> {
        // A serializer's output is taken as it is, whereas text would be parsed once more to prove that it is JSON.
        // It spells keys in its own way, so an unusual spelling takes the longer road.
        if self.members.iter().all(|member| member.spelled.is_none()) {
            return to_raw_value(&Plain(&self.members)).expect("text keys and raw values are always JSON");
        }
        let mut out = Vec::with_capacity(self.size_hint());
        self.write_to(&mut out);
        raw::from_written(String::from_utf8(out).expect("an object is written from text only"))
    }
}

/// Members whose keys have the usual spelling.
struct Plain<'m>(&'m [Member<'m>]);

impl Serialize for Plain<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(
            self.0
                .iter()
                .map(|member| (member.key.as_ref(), member.value.as_raw())),
        )
    }
}

impl Member<'_> {
    fn write_key(&self, out: &mut Vec<u8>) {
        match (self.spelled, &self.key) {
            (Some(spelled), _) => out.extend_from_slice(spelled.as_bytes()),
            (None, Cow::Borrowed(key)) if is_plain(key) => {
                out.push(b'"');
                out.extend_from_slice(key.as_bytes());
                out.push(b'"');
            }
            (None, key) => out.extend_from_slice(raw::from_string(key).get().as_bytes()),
        }
    }
}

fn is_plain(key: &str) -> bool {
    key.bytes()
        .all(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\')
}

impl Raw<'_> {
    /// The raw value itself.
    #[must_use]
    pub fn as_raw(&self) -> &RawValue {
        match self {
            Self::Borrowed(raw) => raw,
            Self::Owned(raw) => raw,
        }
    }

    /// The raw value, copied if it was borrowed.
    #[must_use]
    pub fn into_owned(self) -> Box<RawValue> {
        match self {
            Self::Borrowed(raw) => raw.to_owned(),
            Self::Owned(raw) => raw,
        }
    }
}

impl<'a> From<&'a RawValue> for Raw<'a> {
    fn from(raw: &'a RawValue) -> Self {
        Self::Borrowed(raw)
    }
}

impl From<Box<RawValue>> for Raw<'_> {
    fn from(raw: Box<RawValue>) -> Self {
        Self::Owned(raw)
    }
}

impl fmt::Debug for Object<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_map()
            .entries(self.iter().map(|(key, value)| (key, value.get())))
            .finish()
    }
}

impl fmt::Display for NotAnObject {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the value is not a JSON object")
    }
}

impl std::error::Error for NotAnObject {}

#[cfg(test)]
mod tests;
