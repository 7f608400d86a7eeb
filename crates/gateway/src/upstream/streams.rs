//! The streams on which an upstream tells that its lists have changed, and what is asked for on them.

use std::sync::atomic::{AtomicUsize, Ordering};

use mcpg_config::app::Import;
use mcpg_mcp::initialize::ServerCapabilities;
use mcpg_mcp::object::Object;
use mcpg_mcp::version::ProtocolVersion;
use serde_json::value::RawValue;
use tokio_util::sync::CancellationToken;

use super::core::Upstream;
use super::probe::ModernServer;

/// How the streams of an upstream are doing.
#[derive(Default)]
pub(super) struct Streams {
    open: AtomicUsize,
    pub(super) legacy: CancellationToken,
    pub(super) modern: CancellationToken,
}

/// One stream that is open.
pub(super) struct Open<'a>(&'a Streams);

impl Streams {
    /// Whether the end of a stream would tell of the upstream's death.
    pub(super) fn are_open(&self) -> bool {
        self.open.load(Ordering::Relaxed) > 0
    }

    /// Waits until each stream was opened or refused for the first time.
    pub(super) async fn settled(&self) {
        self.legacy.cancelled().await;
        self.modern.cancelled().await;
    }

    pub(super) fn opened(&self) -> Open<'_> {
        self.open.fetch_add(1, Ordering::Relaxed);
        Open(self)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Upstream {
    /// What `subscriptions/listen` is to be sent with; `None` where there is nothing to listen for.
    pub(super) fn subscription(
        &self,
        server: Option<&ModernServer>,
    ) -> Option<(ProtocolVersion, Box<RawValue>)> {
        let server = server?;
        let capabilities = ServerCapabilities::new(&server.about.capabilities);
        subscription(capabilities, self.settings.import).map(|params| (server.version, params))
    }
}

/// The params of a subscription to the changes of everything that is imported; `None` when the server reports none.
fn subscription(server: ServerCapabilities<'_>, import: Import) -> Option<Box<RawValue>> {
    let mut wanted = Object::new();
    let candidates = [
        ("toolsListChanged", "tools", import.tools),
        ("promptsListChanged", "prompts", import.prompts),
        (
            "resourcesListChanged",
            "resources",
            import.resources || import.resource_templates,
        ),
    ];
    for (member, list, imported) in candidates {
        if imported && server.list_changed(list) {
            wanted.set_bool(member, true);
        }
    }
    if wanted.is_empty() {
        return None;
    }
    let mut params = Object::new();
    params.set("notifications", wanted.to_raw());
    Some(params.to_raw())
}
