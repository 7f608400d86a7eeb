//! Versioned entries in scopes: what values and peers have in common.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use mcpg_plugin_sdk::cluster::{Entry, Error, ErrorKind, Expect, Result, Version, check_length};
use redis::Value;

use crate::client::Client;
use crate::error::Effect;
use crate::names::Space;
use crate::support::{LARGEST_BYTES, MAX_TTL, MIN_TTL};

/// The most bytes of values that one page holds, so that a list does not hold up the server.
const PAGE_BYTES: usize = 4 * 1024 * 1024;

#[derive(Clone)]
pub(crate) struct Store {
    pub(crate) client: Arc<Client>,
    pub(crate) space: Space,
}

/// An entry as a page shows it; the value is left out when it is not newer than asked for.
pub(crate) struct Seen {
    pub(crate) name: Bytes,
    pub(crate) version: Version,
    pub(crate) value: Option<Bytes>,
}

pub(crate) struct Found {
    /// The newest version of the whole deployment when the page was read.
    pub(crate) newest: u64,
    pub(crate) entries: Vec<Seen>,
    /// The name after which the next page begins.
    pub(crate) next: Option<Bytes>,
}

/// What part of a scope a page shows.
pub(crate) struct Part<'a> {
    pub(crate) prefix: &'a [u8],
    pub(crate) after: Option<&'a [u8]>,
    pub(crate) limit: usize,
    /// Values of this version or below are left out.
    pub(crate) since: u64,
}

impl Store {
    pub(crate) async fn get(&self, scope: &[u8], name: &[u8]) -> Result<Option<Entry>> {
        check_names(scope, name)?;
        let mut command = redis::cmd("HMGET");
        command
            .arg(self.client.names.entry(self.space, scope, name))
            .arg("v")
            .arg("d");
        let found: (Option<u64>, Option<Vec<u8>>) = self.client.call(&command, Effect::Read).await?;
        Ok(match found {
            (Some(version), Some(value)) => Some(Entry {
                value: value.into(),
                version: Version::new(version),
            }),
            _ => None,
        })
    }

    pub(crate) async fn put(
        &self,
        (scope, name): (&[u8], &[u8]),
        value: &[u8],
        expect: Expect,
        ttl: Option<Duration>,
    ) -> Result<Version> {
        check_names(scope, name)?;
        check_size("value", value)?;
        let ttl = ttl.map_or(Ok("-".to_owned()), |ttl| {
            milliseconds(ttl).map(|ttl| ttl.to_string())
        })?;
        let names = &self.client.names;
        let keys: [&[u8]; 4] = [
            &names.entry(self.space, scope, name),
            &names.fence(),
            &names.index(self.space, scope),
            &names.expiries(self.space, scope),
        ];
        let expected = expected(expect);
        let channel = names.changes(self.space, scope);
        let arguments: [&[u8]; 5] = [expected.as_bytes(), ttl.as_bytes(), value, name, &channel];
        let put = &self.client.scripts.put;
        let version: i64 = self.client.run(put, &keys, &arguments, Effect::Write).await?;
        u64::try_from(version)
            .map(Version::new)
            .map_err(|_| conflict(expect))
    }

    pub(crate) async fn delete(&self, scope: &[u8], name: &[u8], expect: Expect) -> Result<()> {
        self.remove((scope, name), expect, Effect::Write).await
    }

    /// Deletes an entry of a replica that may be closed already.
    pub(crate) async fn forget(&self, scope: &[u8], name: &[u8], version: Version) -> Result<()> {
        let expect = Expect::Version(version);
        self.remove((scope, name), expect, Effect::Farewell).await
    }

    async fn remove(&self, (scope, name): (&[u8], &[u8]), expect: Expect, effect: Effect) -> Result<()> {
        check_names(scope, name)?;
        if expect == Expect::Absent {
            let message = "a delete that expects nothing to be there means nothing";
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        let names = &self.client.names;
        let expected = expected(expect);
        let keys = self.keys(scope, name);
        let channel = names.changes(self.space, scope);
        let arguments: [&[u8]; 3] = [expected.as_bytes(), name, &channel];
        let delete = &self.client.scripts.delete;
        let done: i64 = self
            .client
            .run(delete, &borrow(&keys), &arguments, effect)
            .await?;
        if done < 0 { Err(conflict(expect)) } else { Ok(()) }
    }

    pub(crate) async fn touch(
        &self,
        scope: &[u8],
        name: &[u8],
        ttl: Duration,
        version: Version,
    ) -> Result<Version> {
        check_names(scope, name)?;
        let ttl = milliseconds(ttl)?.to_string();
        let expect = Expect::Version(version);
        let expected = expected(expect);
        let keys = self.keys(scope, name);
        let arguments: [&[u8]; 3] = [expected.as_bytes(), ttl.as_bytes(), name];
        let touch = &self.client.scripts.touch;
        let done: i64 = self
            .client
            .run(touch, &borrow(&keys), &arguments, Effect::Write)
            .await?;
        if done < 0 {
            Err(conflict(expect))
        } else {
            Ok(version)
        }
    }

    /// Reads one page; it shows one state of the scope.
    pub(crate) async fn page(&self, scope: &[u8], part: &Part<'_>) -> Result<Found> {
        check_length("scope", scope)?;
        check_length("prefix", part.prefix)?;
        let names = &self.client.names;
        let keys: [&[u8]; 3] = [
            &names.index(self.space, scope),
            &names.expiries(self.space, scope),
            &names.fence(),
        ];
        let (first, last) = bounds(part);
        let (limit, since) = (part.limit.to_string(), part.since.to_string());
        let room = PAGE_BYTES.to_string();
        let entries = names.entries(self.space, scope);
        let arguments: [&[u8]; 6] = [
            &entries,
            &first,
            &last,
            limit.as_bytes(),
            since.as_bytes(),
            room.as_bytes(),
        ];
        let list = &self.client.scripts.list;
        let answer: (u64, u8, Vec<u8>, Vec<Value>) =
            self.client.run(list, &keys, &arguments, Effect::Read).await?;
        let (newest, more, place, flat) = answer;
        Ok(Found {
            newest,
            entries: flat
                .chunks_exact(3)
                .map(seen)
                .collect::<Option<_>>()
                .ok_or_else(odd_answer)?,
            next: (more == 1).then(|| place.into()),
        })
    }

    fn keys(&self, scope: &[u8], name: &[u8]) -> [Vec<u8>; 3] {
        let names = &self.client.names;
        [
            names.entry(self.space, scope, name),
            names.index(self.space, scope),
            names.expiries(self.space, scope),
        ]
    }
}

fn borrow(keys: &[Vec<u8>; 3]) -> [&[u8]; 3] {
    [&keys[0], &keys[1], &keys[2]]
}

fn seen(entry: &[Value]) -> Option<Seen> {
    let [Value::BulkString(name), Value::BulkString(version), value] = entry else {
        return None;
    };
    let version = std::str::from_utf8(version).ok()?.parse().ok()?;
    let value = match value {
        Value::BulkString(value) => Some(Bytes::copy_from_slice(value)),
        _ => None,
    };
    Some(Seen {
        name: Bytes::copy_from_slice(name),
        version: Version::new(version),
        value,
    })
}

fn odd_answer() -> Error {
    Error::new(ErrorKind::Internal, "redis gave an answer of an unexpected type")
}

/// The first and the last name of a page, as the sorted set takes them.
fn bounds(part: &Part<'_>) -> (Vec<u8>, Vec<u8>) {
    let first = match part.after {
        Some(after) => [b"(", after].concat(),
        None => [b"[", part.prefix].concat(),
    };
    // The first name that does not start with the prefix any more: its last byte that can grow has grown.
    let grows = part.prefix.iter().rposition(|byte| *byte != u8::MAX);
    let last = match grows {
        None => b"+".to_vec(),
        Some(place) => {
            let mut last = [b"(", &part.prefix[..=place]].concat();
            last[place + 1] += 1;
            last
        }
    };
    (first, last)
}

fn expected(expect: Expect) -> String {
    match expect {
        Expect::Any => "*".to_owned(),
        Expect::Absent => "-".to_owned(),
        Expect::Version(version) => version.get().to_string(),
    }
}

fn conflict(expect: Expect) -> Error {
    let message = match expect {
        Expect::Any => "the entry was in the way",
        Expect::Absent => "the key is there already",
        Expect::Version(_) => "the entry is not there in this version",
    };
    Error::new(ErrorKind::Conflict, message)
}

fn check_names(scope: &[u8], name: &[u8]) -> Result<()> {
    check_length("scope", scope)?;
    check_length("name", name)
}

pub(crate) fn check_size(what: &str, bytes: &[u8]) -> Result<()> {
    if bytes.len() <= LARGEST_BYTES {
        return Ok(());
    }
    let message = format!(
        "{what} of {} bytes is larger than {LARGEST_BYTES} bytes",
        bytes.len()
    );
    Err(Error::new(ErrorKind::TooLarge, message))
}

/// A TTL in milliseconds, rounded up: nothing may expire early.
pub(crate) fn milliseconds(ttl: Duration) -> Result<u64> {
    if !(MIN_TTL..=MAX_TTL).contains(&ttl) {
        let message = format!("a ttl of {ttl:?} is not between {MIN_TTL:?} and {MAX_TTL:?}");
        return Err(Error::new(ErrorKind::Invalid, message));
    }
    let rounded = ttl.as_nanos().div_ceil(1_000_000);
    Ok(u64::try_from(rounded).expect("the longest ttl has few enough milliseconds"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn bounds_of(prefix: &[u8]) -> (Vec<u8>, Vec<u8>) {
        bounds(&Part {
            prefix,
            after: None,
            limit: 1,
            since: 0,
        })
    }

    #[test]
    fn the_bounds_of_a_prefix_hold_all_that_starts_with_it() {
        assert_eq!(bounds_of(b"a"), (b"[a".to_vec(), b"(b".to_vec()));
        assert_eq!(bounds_of(b"a\xff"), (b"[a\xff".to_vec(), b"(b".to_vec()));
        assert_eq!(bounds_of(b"\xff\xff"), (b"[\xff\xff".to_vec(), b"+".to_vec()));
        assert_eq!(bounds_of(b""), (b"[".to_vec(), b"+".to_vec()));
    }

    #[test]
    fn a_ttl_is_rounded_up_and_kept_in_bounds() {
        assert_eq!(milliseconds(Duration::from_micros(1001)).unwrap(), 2);
        assert_eq!(milliseconds(MAX_TTL).unwrap(), 315_360_000_000);
        for ttl in [
            Duration::ZERO,
            MIN_TTL / 2,
            Duration::MAX,
            MAX_TTL + Duration::from_nanos(1),
        ] {
            assert_eq!(milliseconds(ttl).unwrap_err().kind(), ErrorKind::Invalid);
        }
    }
}
