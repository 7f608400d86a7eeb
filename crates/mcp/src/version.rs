//! The protocol revisions mcpg speaks, and what each of them allows.

use std::fmt;
use std::str::FromStr;

/// A revision of the Model Context Protocol. Later revisions are greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProtocolVersion {
    /// Revision 2025-03-26, the first with streamable HTTP and the only one with batches.
    V2025_03_26,
    /// Revision 2025-06-18.
    V2025_06_18,
    /// Revision 2025-11-25, the last with sessions.
    V2025_11_25,
    /// Revision 2026-07-28, the first without sessions.
    V2026_07_28,
}

/// The two ways to use the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Era {
    /// A session opened by `initialize`.
    Legacy,
    /// Every request on its own, with its metadata in `_meta`.
    Modern,
}

/// A version string that names no revision mcpg speaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownVersion(pub String);

impl ProtocolVersion {
    /// All revisions, newest first.
    pub const ALL: &'static [Self] = &[
        Self::V2026_07_28,
        Self::V2025_11_25,
        Self::V2025_06_18,
        Self::V2025_03_26,
    ];
    /// The revisions with sessions, newest first.
    pub const LEGACY: &'static [Self] = &[Self::V2025_11_25, Self::V2025_06_18, Self::V2025_03_26];
    /// The revisions without sessions, newest first.
    pub const MODERN: &'static [Self] = &[Self::V2026_07_28];
    /// The newest revision with sessions.
    pub const LATEST_LEGACY: Self = Self::V2025_11_25;
    /// The newest revision without sessions.
    pub const LATEST_MODERN: Self = Self::V2026_07_28;
    /// What the legacy era assumes of a request that does not say its version.
    pub const ASSUMED: Self = Self::V2025_03_26;

    /// The version string on the wire.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::V2025_03_26 => "2025-03-26",
            Self::V2025_06_18 => "2025-06-18",
            Self::V2025_11_25 => "2025-11-25",
            Self::V2026_07_28 => "2026-07-28",
        }
    }

    /// The era the revision belongs to.
    #[must_use]
    pub const fn era(self) -> Era {
        match self {
            Self::V2025_03_26 | Self::V2025_06_18 | Self::V2025_11_25 => Era::Legacy,
            Self::V2026_07_28 => Era::Modern,
        }
    }

    /// True for a revision with sessions.
    #[must_use]
    pub const fn is_legacy(self) -> bool {
        matches!(self.era(), Era::Legacy)
    }

    /// True for a revision without sessions.
    #[must_use]
    pub const fn is_modern(self) -> bool {
        matches!(self.era(), Era::Modern)
    }

    /// Answers the version a client asked for in `initialize`: the same if it is a legacy revision mcpg speaks, else
    /// the latest legacy one.
    #[must_use]
    pub fn negotiate(requested: &str) -> Self {
        match requested.parse::<Self>() {
            Ok(version) if version.is_legacy() => version,
            _ => Self::LATEST_LEGACY,
        }
    }

    /// True if a POST may carry an array of messages.
    #[must_use]
    pub fn allows_batches(self) -> bool {
        self == Self::V2025_03_26
    }

    /// True if a tool result may carry `structuredContent` and a tool an `outputSchema`.
    #[must_use]
    pub fn has_structured_content(self) -> bool {
        self >= Self::V2025_06_18
    }

    /// True if content may be a `resource_link`.
    #[must_use]
    pub fn has_resource_links(self) -> bool {
        self >= Self::V2025_06_18
    }

    /// True if the server may ask the user by elicitation.
    #[must_use]
    pub fn has_elicitation(self) -> bool {
        self >= Self::V2025_06_18
    }

    /// True if elicitation may send the user to a URL.
    #[must_use]
    pub fn has_url_elicitation(self) -> bool {
        self >= Self::V2025_11_25
    }

    /// True if clients must send `MCP-Protocol-Version` after `initialize`.
    #[must_use]
    pub fn has_version_header(self) -> bool {
        self >= Self::V2025_06_18
    }

    /// True if a POST stream starts with an event that has an id and empty data. Clients of older revisions try to
    /// parse the empty data.
    #[must_use]
    pub fn has_priming_event(self) -> bool {
        self == Self::V2025_11_25
    }

    /// True if tasks are part of the core protocol. Later they are an extension.
    #[must_use]
    pub fn has_core_tasks(self) -> bool {
        self == Self::V2025_11_25
    }

    /// True if results carry `resultType`, and cacheable ones `ttlMs` and `cacheScope`.
    #[must_use]
    pub fn has_result_type(self) -> bool {
        self.is_modern()
    }
}

impl FromStr for ProtocolVersion {
    type Err = UnknownVersion;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.iter().copied().find(|version| version.as_str() == text);
        found.ok_or_else(|| UnknownVersion(text.to_owned()))
    }
}

impl fmt::Display for ProtocolVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl fmt::Display for UnknownVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "unknown protocol version {:?}", self.0)
    }
}

impl std::error::Error for UnknownVersion {}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_version_survives_the_round_trip_and_they_are_ordered() {
        for version in ProtocolVersion::ALL {
            assert_eq!(version.as_str().parse::<ProtocolVersion>().unwrap(), *version);
        }
        assert!(ProtocolVersion::ALL.is_sorted_by(|newer, older| newer > older));
        assert_eq!(
            ProtocolVersion::LEGACY.len() + ProtocolVersion::MODERN.len(),
            ProtocolVersion::ALL.len()
        );
        assert!(ProtocolVersion::LEGACY.iter().all(|version| version.is_legacy()));
        assert!(ProtocolVersion::MODERN.iter().all(|version| version.is_modern()));
    }

    #[test]
    fn unknown_versions_are_refused_verbatim() {
        for text in ["", "2024-11-05", "2025-11-25 ", "v999.0.0", "DRAFT-2026-v1"] {
            assert_eq!(
                text.parse::<ProtocolVersion>(),
                Err(UnknownVersion(text.to_owned()))
            );
        }
    }

    #[test]
    fn initialize_never_ends_in_the_modern_era() {
        assert_eq!(
            ProtocolVersion::negotiate("2025-06-18"),
            ProtocolVersion::V2025_06_18
        );
        for requested in ["2026-07-28", "2024-11-05", "nonsense"] {
            assert_eq!(
                ProtocolVersion::negotiate(requested),
                ProtocolVersion::V2025_11_25
            );
        }
    }

    #[test]
    fn features_belong_to_their_revisions() {
        use ProtocolVersion as V;
        assert!(V::V2025_03_26.allows_batches() && !V::V2025_06_18.allows_batches());
        assert!(!V::V2025_06_18.has_priming_event() && V::V2025_11_25.has_priming_event());
        assert!(!V::V2026_07_28.has_priming_event() && V::V2026_07_28.has_result_type());
        assert!(!V::V2025_03_26.has_structured_content() && V::V2026_07_28.has_structured_content());
    }
}
