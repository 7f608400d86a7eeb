//! Cursors that any replica can read and no client can make up.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mcpg_capabilities::mac::MacKey;

use super::item::Kind;

const CODE: usize = 8;
const POSITION: usize = 8;

/// Makes and reads cursors.
#[derive(Clone, Debug)]
pub(crate) struct Cursors {
    mac: MacKey,
}

/// Where a list goes on: after this item, which was the one before `position`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct After {
    pub(super) position: usize,
    pub(super) identity: String,
}

impl Cursors {
    /// Makes cursors that are authenticated with `mac`.
    pub(crate) fn new(mac: MacKey) -> Self {
        Self { mac }
    }

    pub(super) fn seal(&self, kind: Kind, position: usize, identity: &str) -> String {
        let mut content = (position as u64).to_be_bytes().to_vec();
        content.extend_from_slice(identity.as_bytes());
        let code = self.mac.sign(&mac_kind(kind), &content);
        content.extend_from_slice(&code);
        URL_SAFE_NO_PAD.encode(content)
    }

    pub(super) fn open(&self, kind: Kind, cursor: &str) -> Option<After> {
        let whole = URL_SAFE_NO_PAD.decode(cursor).ok()?;
        let (content, code) = whole.split_at_checked(whole.len().checked_sub(CODE)?)?;
        if !self.mac.verify(&mac_kind(kind), content, code) {
            return None;
        }
        let (position, identity) = content.split_at_checked(POSITION)?;
        let position = u64::from_be_bytes(position.try_into().ok()?);
        Some(After {
            position: usize::try_from(position).ok()?,
            identity: String::from_utf8(identity.to_vec()).ok()?,
        })
    }
}

fn mac_kind(kind: Kind) -> String {
    format!("cursor/{}", kind.list_member())
}
