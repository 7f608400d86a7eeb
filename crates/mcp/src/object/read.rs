//! Reads the members of an object and settles repeated keys.

use super::{Member, Raw};
use crate::raw;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

/// Up to this many members a plain search beats a hash table.
const FEW: usize = 16;

pub(super) fn without_duplicates(members: Vec<Member<'_>>) -> Vec<Member<'_>> {
    if members.len() <= FEW {
        let repeats = |(place, member): (usize, &Member<'_>)| {
            members[..place].iter().any(|earlier| earlier.key == member.key)
        };
        // Almost always: then there is nothing to copy.
        if !members.iter().enumerate().any(repeats) {
            return members;
        }
        let mut kept: Vec<Member<'_>> = Vec::with_capacity(members.len());
        for member in members {
            match kept.iter_mut().find(|other| other.key == member.key) {
                Some(other) => other.value = member.value,
                None => kept.push(member),
            }
        }
        return kept;
    }
    let mut places: HashMap<Cow<'_, str>, usize> = HashMap::with_capacity(members.len());
    let mut kept: Vec<Member<'_>> = Vec::with_capacity(members.len());
    for member in members {
        match places.get(&member.key) {
            Some(&place) => kept[place].value = member.value,
            None => {
                places.insert(member.key.clone(), kept.len());
                kept.push(member);
            }
        }
    }
    kept
}

pub(super) struct Members<'a>(pub(super) Vec<Member<'a>>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(spelled) = map.next_key::<&'de RawValue>()? {
            let value = Raw::Borrowed(map.next_value::<&'de RawValue>()?);
            let key =
                raw::string(spelled).ok_or_else(|| serde::de::Error::custom("a key is no valid text"))?;
            let spelled = matches!(key, Cow::Owned(_)).then(|| spelled.get());
            members.push(Member { key, spelled, value });
        }
        Ok(Members(members))
    }
}
