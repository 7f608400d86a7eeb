//! What a replica asks the backend, and what it is told.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use mcpg_cluster::{
    Cursor, Entry, Event, Expect, Grant, Holder, Key, LeaseRequest, Page, Result, Token, Value, Version,
    WatchEvent,
};
use tokio::sync::mpsc::UnboundedReceiver;

use super::schedule::Kind;

/// One request to the backend.
#[derive(Clone)]
pub(super) enum Request {
    Get(Key),
    Put {
        key: Key,
        value: Value,
        expect: Expect,
        ttl: Option<Duration>,
    },
    Delete(Key, Expect),
    List {
        scope: Bytes,
        prefix: Bytes,
        cursor: Option<Cursor>,
        limit: usize,
    },
    Touch(Key, Duration, Version),
    Publish(Bytes, Bytes),
    Subscribe(Bytes),
    Watch(Bytes, Bytes),
    Acquire(LeaseRequest),
    Renew(LeaseRequest, Token),
    Release(Bytes, Token),
    Holder(Bytes),
}

/// What the backend says to a request that it executed.
#[derive(Debug)]
pub(super) enum Answer {
    Entry(Option<Entry>),
    Version(Version),
    Done,
    Page(Page),
    Grant(Option<Grant>),
    Holder(Option<Holder>),
    Changes(UnboundedReceiver<Result<WatchEvent>>),
    Messages(UnboundedReceiver<Result<Event>>),
}

impl Request {
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Get(_) => Kind::Get,
            Self::Put { .. } => Kind::Put,
            Self::Delete(..) => Kind::Delete,
            Self::List { .. } => Kind::List,
            Self::Touch(..) => Kind::Touch,
            Self::Publish(..) => Kind::Publish,
            Self::Subscribe(_) => Kind::Subscribe,
            Self::Watch(..) => Kind::Watch,
            Self::Acquire(_) => Kind::Acquire,
            Self::Renew(..) => Kind::Renew,
            Self::Release(..) => Kind::Release,
            Self::Holder(_) => Kind::Holder,
        }
    }

    /// Whether a copy of it that arrives late may change something.
    pub(super) fn writes(&self) -> bool {
        !matches!(
            self,
            Self::Get(_) | Self::List { .. } | Self::Holder(_) | Self::Watch(..) | Self::Subscribe(_)
        )
    }

    /// What it is about: the key as text, or the topic or name.
    pub(super) fn subject(&self) -> String {
        match self {
            Self::Get(key) | Self::Put { key, .. } | Self::Delete(key, _) | Self::Touch(key, ..) => {
                key.to_string()
            }
            Self::List { scope, prefix, .. } | Self::Watch(scope, prefix) => {
                Key::new(scope.clone(), prefix.clone()).to_string()
            }
            Self::Publish(topic, _) | Self::Subscribe(topic) => topic.escape_ascii().to_string(),
            Self::Acquire(request) | Self::Renew(request, _) => request.name.escape_ascii().to_string(),
            Self::Release(name, _) | Self::Holder(name) => name.escape_ascii().to_string(),
        }
    }
}

impl fmt::Display for Request {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?} {}", self.kind(), self.subject())?;
        match self {
            Self::Put { value, expect, .. } => {
                let text = String::from_utf8_lossy(value);
                write!(formatter, " {expect:?} {text}")
            }
            Self::Delete(_, expect) => write!(formatter, " {expect:?}"),
            Self::Touch(_, _, version) => write!(formatter, " {}", version.get()),
            _ => Ok(()),
        }
    }
}

/// Leaves out what is long or differs between two runs of one seed.
impl fmt::Display for Answer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Entry(entry) => write!(formatter, "{:?}", entry.as_ref().map(|entry| entry.version.get())),
            Self::Version(version) => write!(formatter, "version {}", version.get()),
            Self::Done => formatter.write_str("done"),
            Self::Page(page) => write!(formatter, "{} entries", page.entries.len()),
            Self::Grant(grant) => write!(formatter, "{:?}", grant.map(|grant| grant.token.get())),
            Self::Holder(holder) => write!(
                formatter,
                "{:?}",
                holder.as_ref().map(|holder| holder.token.get())
            ),
            Self::Changes(_) | Self::Messages(_) => formatter.write_str("stream"),
        }
    }
}
