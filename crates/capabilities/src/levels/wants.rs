//! Notes that a session wants something else now.

use bytes::Bytes;
use mcpg_cluster::{Key, Version};

use crate::mailbox::Note;

/// Nothing stands in this scope: whoever is told of a name in it reads the record of that session.
const SCOPE: &str = "wants";

/// The note for whoever holds streams of the session with this name, as a record of `version` says.
pub fn wants_note(session: &str, version: Version) -> Note {
    Note {
        at: Key::new(SCOPE, Bytes::copy_from_slice(session.as_bytes())),
        version,
    }
}

/// The name of the session that a note is about, if it is such a note.
pub fn wants_at(at: &Key) -> Option<&str> {
    if at.scope.as_ref() != SCOPE.as_bytes() {
        return None;
    }
    std::str::from_utf8(&at.name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_names_its_session_and_others_name_none() {
        let note = wants_note("scope/session", Version::new(7));
        assert_eq!(wants_at(&note.at), Some("scope/session"));
        assert_eq!(wants_at(&Key::new("get", "session")), None);
    }
}
