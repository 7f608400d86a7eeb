//! Finds out which eras an upstream speaks.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use mcpg_mcp::error::{ErrorObject, UNSUPPORTED_PROTOCOL_VERSION};
use mcpg_mcp::initialize::{DiscoverResult, InitializeResult};
use mcpg_mcp::object::Object;
use mcpg_mcp::version::ProtocolVersion;
use serde::Deserialize;
use tokio::time::timeout;
use tracing::debug;

use super::child::Children;
use super::core::Upstream;
use super::error::UpstreamError;
use super::peer::Peer;
use super::session::Session;

/// How long a server that is known to leave `server/discover` without any answer is given the next time.
const SHORT_DISCOVERY: Duration = Duration::from_millis(500);

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) legacy: Option<LegacyServer>,
    pub(super) modern: Option<ModernServer>,
}

#[derive(Debug)]
pub(super) struct LegacyServer {
    /// The shared session.
    pub(super) session: Arc<Session>,
    pub(super) about: InitializeResult,
}

#[derive(Debug)]
pub(super) struct ModernServer {
    pub(super) version: ProtocolVersion,
    pub(super) about: DiscoverResult,
}

/// What discovery says.
enum Discovery {
    /// A modern server; whether it speaks the legacy era as well.
    Modern(ModernServer, bool),
    /// Not a server whose modern revision the gateway speaks, but perhaps a legacy one.
    Legacy,
    /// An answer that says nothing about the server's era.
    Unclear,
    /// No answer. A legacy server may leave an unknown method without one.
    Silence,
}

impl Discovery {
    /// The modern server, and whether it is worth trying the legacy era.
    fn into_parts(self) -> (Option<ModernServer>, bool) {
        match self {
            Self::Modern(modern, speaks_legacy) => (Some(modern), speaks_legacy),
            Self::Legacy | Self::Unclear | Self::Silence => (None, true),
        }
    }
}

impl Upstream {
    /// Finds out what the upstream speaks and opens the shared session.
    pub(super) async fn probe(&self) -> Result<Found, UpstreamError> {
        if let Some(children) = self.transport.children() {
            return self.probe_child(children).await;
        }
        match self.settings.pinned {
            Some(version) if version.is_modern() => self.probe_modern(version).await,
            Some(version) => Ok(Found {
                legacy: Some(self.probe_legacy(version).await?),
                modern: None,
            }),
            None => self.probe_both().await,
        }
    }

    /// The same for a program. It decides for one era, and is given more time for its first word than a server that
    /// runs already.
    async fn probe_child(&self, children: &Children) -> Result<Found, UpstreamError> {
        if let Some(version) = self.settings.pinned {
            if version.is_legacy() {
                let legacy = Some(self.probe_legacy(version).await?);
                return Ok(Found { legacy, modern: None });
            }
            children.start_asking()?;
            return self.probe_modern(version).await;
        }
        children.start_asking()?;
        let timing = &self.settings.timing;
        let asked = self.look_for_modern(timing.discover).await?;
        let is_silent = matches!(asked, Discovery::Silence);
        let (modern, speaks_legacy) = asked.into_parts();
        if modern.is_none() {
            children.is_legacy();
        }
        if !speaks_legacy {
            return Ok(Found { legacy: None, modern });
        }
        match self.probe_legacy(ProtocolVersion::LATEST_LEGACY).await {
            Ok(legacy) => Ok(Found {
                legacy: Some(legacy),
                modern,
            }),
            Err(error @ (UpstreamError::NotSent { .. } | UpstreamError::Lost { .. })) => Err(error),
            Err(error) if modern.is_some() => {
                debug!(message = "An upstream names a legacy revision but refuses it.", upstream = self.name(), %error);
                Ok(Found { legacy: None, modern })
            }
            Err(_) if is_silent => {
                // It is no legacy server, so it is a modern one that takes its time.
                children.start_asking()?;
                let (modern, _) = self.look_for_modern(timing.open).await?.into_parts();
                Ok(Found { legacy: None, modern })
            }
            Err(error) => Err(error),
        }
    }

    async fn probe_modern(&self, version: ProtocolVersion) -> Result<Found, UpstreamError> {
        let about = self.discover(version).await?;
        if !about
            .supported_versions
            .iter()
            .any(|supported| supported == version.as_str())
        {
            let supported = about.supported_versions.join(", ");
            return Err(UpstreamError::protocol(format!(
                "it speaks {supported}, but {version} is configured"
            )));
        }
        Ok(Found {
            legacy: None,
            modern: Some(ModernServer { version, about }),
        })
    }

    async fn probe_legacy(&self, version: ProtocolVersion) -> Result<LegacyServer, UpstreamError> {
        let opened = self.open_without_client(version).await?;
        Ok(LegacyServer {
            session: self.share(opened.session),
            about: opened.about,
        })
    }

    async fn probe_both(&self) -> Result<Found, UpstreamError> {
        let known_silent = self.discovery_is_silent.load(Ordering::Relaxed);
        let patience = self.settings.timing.discover;
        let first = self
            .look_for_modern(if known_silent {
                SHORT_DISCOVERY.min(patience)
            } else {
                patience
            })
            .await?;
        let look_again =
            matches!(first, Discovery::Unclear) || (matches!(first, Discovery::Silence) && !known_silent);
        let (modern, speaks_legacy) = first.into_parts();
        if !speaks_legacy {
            return Ok(Found { legacy: None, modern });
        }
        let legacy = match self.probe_legacy(ProtocolVersion::LATEST_LEGACY).await {
            Ok(legacy) => Some(legacy),
            Err(error @ (UpstreamError::NotSent { .. } | UpstreamError::Lost { .. })) => return Err(error),
            Err(error) if modern.is_some() => {
                debug!(message = "An upstream names a legacy revision but refuses it.", upstream = self.name(), %error);
                None
            }
            Err(error) => return Err(error),
        };
        if !look_again {
            return Ok(Found { legacy, modern });
        }
        // It answers now. What had kept it from answering before may have had nothing to do with its era.
        let second = self.look_for_modern(patience).await?;
        self.discovery_is_silent
            .store(matches!(second, Discovery::Silence), Ordering::Relaxed);
        let (modern, _) = second.into_parts();
        Ok(Found { legacy, modern })
    }

    async fn look_for_modern(&self, patience: Duration) -> Result<Discovery, UpstreamError> {
        let discovery = timeout(patience, self.discover(ProtocolVersion::LATEST_MODERN)).await;
        match discovery {
            Ok(Ok(about)) => {
                let speaks_legacy = any_legacy(&about.supported_versions);
                match about.newest_common() {
                    Some(version) => Ok(Discovery::Modern(ModernServer { version, about }, speaks_legacy)),
                    None if speaks_legacy => Ok(Discovery::Legacy),
                    None => Err(nothing_in_common(&about.supported_versions)),
                }
            }
            Ok(Err(error @ UpstreamError::NotSent { .. })) => Err(error),
            Ok(Err(UpstreamError::Rpc(error))) => match supported_versions(&error) {
                Some(versions) if !any_legacy(&versions) => Err(nothing_in_common(&versions)),
                _ => Ok(Discovery::Legacy),
            },
            Ok(Err(UpstreamError::Refused { status, .. }))
                if status.is_server_error() || matches!(status.as_u16(), 408 | 429) =>
            {
                Ok(Discovery::Unclear)
            }
            Ok(Err(UpstreamError::Lost { .. })) => Ok(Discovery::Unclear),
            Ok(Err(_)) => Ok(Discovery::Legacy),
            Err(_) => Ok(Discovery::Silence),
        }
    }

    /// Asks a modern server about itself.
    pub(super) async fn discover(&self, version: ProtocolVersion) -> Result<DiscoverResult, UpstreamError> {
        let limit = self.settings.timing.request.max(self.settings.timing.open);
        let asked = self.ask_within(limit, Peer::Modern(version), "server/discover", None);
        let result = asked.await?;
        DiscoverResult::parse(&result).map_err(|error| UpstreamError::protocol(error.message))
    }
}

fn any_legacy(versions: &[String]) -> bool {
    versions
        .iter()
        .filter_map(|version| version.parse::<ProtocolVersion>().ok())
        .any(ProtocolVersion::is_legacy)
}

/// The versions that a server names when it refuses the one that was asked for.
fn supported_versions(error: &serde_json::value::RawValue) -> Option<Vec<String>> {
    let error = ErrorObject::from_raw(error).filter(|error| error.code == UNSUPPORTED_PROTOCOL_VERSION)?;
    let data = error.data?;
    let supported = Object::parse(&data).ok()?.get("supported")?.to_owned();
    Vec::deserialize(&*supported).ok()
}

fn nothing_in_common(versions: &[String]) -> UpstreamError {
    UpstreamError::protocol(format!(
        "it speaks only {}, which the gateway does not",
        versions.join(", ")
    ))
}
