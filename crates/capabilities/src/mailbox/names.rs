//! Where mail lies and what it is called.

use bytes::Bytes;
use mcpg_cluster::Key;

use crate::owner::BootId;
use crate::random;

/// What a piece of mail is, told by its name, so that the scope is listed once for all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MailKind {
    Note,
    Request,
    /// The reply that the owner of the scope waits for.
    Reply,
}

impl MailKind {
    fn prefix(self) -> &'static str {
        match self {
            Self::Note => "note/",
            Self::Request => "request/",
            Self::Reply => "reply/",
        }
    }

    /// A name that nobody else will ever draw.
    pub(super) fn draw(self) -> String {
        let number = u128::from_be_bytes(random::bytes());
        format!("{}{number:032x}", self.prefix())
    }

    /// `None` for mail of a later release.
    pub(super) fn of(name: &str) -> Option<Self> {
        [Self::Note, Self::Request, Self::Reply]
            .into_iter()
            .find(|kind| name.starts_with(kind.prefix()))
    }
}

pub(super) fn scope(boot: &BootId) -> Bytes {
    Bytes::from(format!("mail/{boot}"))
}

pub(super) fn key(boot: &BootId, name: &str) -> Key {
    Key::new(scope(boot), Bytes::copy_from_slice(name.as_bytes()))
}
