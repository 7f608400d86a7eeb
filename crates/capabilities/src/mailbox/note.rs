//! Notes: "look at this key".

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use mcpg_cluster::{Key, Version};

use crate::store::{Fields, Format, FormatError};

/// Points to a record that the receiver has to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Where to look.
    pub at: Key,
    /// The version that the look must see, or a later one.
    pub version: Version,
}

impl Note {
    pub(super) fn encode(&self) -> Result<Bytes, FormatError> {
        let mut fields = Fields::write(Format::NATIVE);
        fields.put("scope", &URL_SAFE_NO_PAD.encode(&self.at.scope))?;
        fields.put("name", &URL_SAFE_NO_PAD.encode(&self.at.name))?;
        fields.put("version", &self.version.get())?;
        fields.into_bytes().map(Bytes::from)
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        let mut fields = Fields::read(bytes)?;
        let mut part = |name: &str| {
            let text: String = fields.require(name)?;
            let decoded = URL_SAFE_NO_PAD.decode(text);
            decoded.map_err(|error| FormatError::Malformed(format!("member {name}: {error}")))
        };
        let at = Key::new(part("scope")?, part("name")?);
        Ok(Self {
            at,
            version: Version::new(fields.require("version")?),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn i10_a_note_keeps_hostile_keys_byte_for_byte() {
        let note = Note {
            at: Key::copied([0, 0xff, b'"'], "a\n*/"),
            version: Version::new(u64::MAX),
        };
        assert_eq!(Note::decode(&note.encode().unwrap()).unwrap(), note);
    }
}
