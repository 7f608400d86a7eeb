//! The ids of events, by which any replica knows where a client wants to go on.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::calls::{Birth, CallKey};
use crate::mac::MacKey;
use crate::sessions::SessionId;

const KIND: &str = "event";
const CODE: usize = 8;
const CALL: &str = "c";
const GET: &str = "g";

/// Which stream of a session an event belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum StreamName {
    /// The stream of a call. It carries the typed JSON-RPC id, so that a stream whose record is gone can still be ended
    /// with an error for the right request.
    Call {
        /// The JSON-RPC id as canonical JSON text.
        id: Arc<str>,
        /// Which call of that id.
        birth: Birth,
    },
    /// A GET stream.
    Get {
        /// Drawn at random when the stream was opened.
        stream: u64,
        /// Up to where the client was told of levels on this stream when the event was sent.
        feed: u64,
    },
}

/// The id of an event: its stream, its number in it, and a code over both and the session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventId {
    /// The stream.
    pub stream: StreamName,
    /// The number of the event; 0 for the one that only primes the client to come back.
    pub sequence: u64,
}

impl EventId {
    /// Writes the id for an event of `session`: visible ASCII without spaces.
    pub fn mint(&self, mac: &MacKey, session: &SessionId) -> String {
        let text = self.text();
        let code = URL_SAFE_NO_PAD.encode(mac.sign(KIND, &signed(session, &text)));
        format!("{text}.{code}")
    }

    /// Reads an id that a client of `session` sent; `None` when the deployment minted none like it for that session.
    pub fn verify(mac: &MacKey, session: &SessionId, id: &str) -> Option<Self> {
        let (text, code) = id.rsplit_once('.')?;
        let code = URL_SAFE_NO_PAD.decode(code).ok()?;
        let is_ours = code.len() == CODE && mac.verify(KIND, &signed(session, text), &code);
        if !is_ours {
            return None;
        }
        let mut parts = text.split('.');
        let mut part = || parts.next();
        match part()? {
            CALL => {
                let id = String::from_utf8(URL_SAFE_NO_PAD.decode(part()?).ok()?).ok()?;
                // Longer ids name no call.
                CallKey::new(session, &id).ok()?;
                let birth = Birth::new(number(part()?)?);
                Some(Self {
                    stream: StreamName::Call { id: id.into(), birth },
                    sequence: number(part()?)?,
                })
            }
            GET => {
                let (stream, feed) = (number(part()?)?, number(part()?)?);
                Some(Self {
                    stream: StreamName::Get { stream, feed },
                    sequence: number(part()?)?,
                })
            }
            _ => None,
        }
    }

    fn text(&self) -> String {
        let sequence = self.sequence;
        match &self.stream {
            StreamName::Call { id, birth } => {
                let id = URL_SAFE_NO_PAD.encode(id.as_bytes());
                format!("{CALL}.{id}.{:x}.{sequence:x}", birth.get())
            }
            StreamName::Get { stream, feed } => format!("{GET}.{stream:x}.{feed:x}.{sequence:x}"),
        }
    }
}

fn number(text: &str) -> Option<u64> {
    u64::from_str_radix(text, 16).ok()
}

/// What the code is over. The name of a session has no line break, so no two pairs sign the same bytes.
fn signed(session: &SessionId, text: &str) -> Vec<u8> {
    [session.name().as_bytes(), b"\n", text.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::testing::tester;

    fn ids() -> Vec<EventId> {
        let call = |id: &str, birth, sequence| EventId {
            stream: StreamName::Call {
                id: id.into(),
                birth: Birth::new(birth),
            },
            sequence,
        };
        let get = |stream, feed, sequence| EventId {
            stream: StreamName::Get { stream, feed },
            sequence,
        };
        vec![
            call("1", 7, 0),
            call("\"1\"", 7, 0),
            call("1", 8, 0),
            call("1", 7, 1),
            call("\"a.b\\n/*>:\"", u64::MAX, u64::MAX),
            get(7, 0, 0),
            get(7, 1, 0),
            get(7, 0, 1),
            get(u64::MAX, u64::MAX, u64::MAX),
        ]
    }

    #[test]
    fn d6_an_event_id_is_of_its_session_stream_and_place_only() {
        let mac = MacKey::new([7; 16]);
        let (x, y) = (SessionId::mint(&mac, &tester()), SessionId::mint(&mac, &tester()));
        let minted: Vec<String> = ids().iter().map(|id| id.mint(&mac, &x)).collect();
        let distinct: std::collections::HashSet<&String> = minted.iter().collect();
        assert_eq!(distinct.len(), minted.len());
        for (id, text) in ids().iter().zip(&minted) {
            assert!(text.bytes().all(|byte| byte.is_ascii_graphic()), "{text}");
            assert_eq!(EventId::verify(&mac, &x, text).as_ref(), Some(id));
            assert_eq!(EventId::verify(&mac, &y, text), None, "another session");
            assert_eq!(EventId::verify(&MacKey::new([8; 16]), &x, text), None);
            let (body, code) = text.rsplit_once('.').unwrap();
            for forged in [
                format!("{body}0.{code}"),
                format!("{body}.{}", &code[1..]),
                format!("{body}."),
                body.to_owned(),
                format!("{text}."),
                String::new(),
            ] {
                assert_eq!(EventId::verify(&mac, &x, &forged), None, "{forged}");
            }
        }
    }
}
