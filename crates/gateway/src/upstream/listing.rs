//! Reads what an upstream lists.

use mcpg_mcp::error::METHOD_NOT_FOUND;
use mcpg_mcp::initialize::{DiscoverResult, InitializeResult};
use mcpg_mcp::object::Object;
use serde_json::value::RawValue;

use super::core::Upstream;
use super::error::UpstreamError;
use super::peer::Peer;
use super::probe::{LegacyServer, ModernServer};
use super::signals::List;
use super::state::Offer;

/// A list with more pages than this is a server that goes round in circles.
const MAX_PAGES: usize = 500;
/// All pages of a list together may be this many times as large as one answer.
const MAX_LIST_FACTOR: usize = 4;

impl Upstream {
    /// Reads all pages of a list. A server that declares a list and then does not know it has none.
    pub(super) async fn list(&self, peer: Peer<'_>, list: List) -> Result<Vec<Box<RawValue>>, UpstreamError> {
        let mut items = Vec::new();
        let mut cursor: Option<Box<RawValue>> = None;
        let mut left = self.settings.max_response_bytes.saturating_mul(MAX_LIST_FACTOR);
        for _ in 0..MAX_PAGES {
            let page = match self.ask(peer, list.method(), cursor.as_deref()).await {
                Err(error) if error.code() == Some(METHOD_NOT_FOUND) => return Ok(items),
                other => other?,
            };
            left = left
                .checked_sub(page.get().len())
                .ok_or(UpstreamError::TooLarge {
                    limit: self.settings.max_response_bytes * MAX_LIST_FACTOR,
                })?;
            let next = read_page(&page, list, &mut items)?;
            if next.is_none() {
                return Ok(items);
            }
            cursor = next;
        }
        Err(UpstreamError::protocol(format!(
            "{} has more than {MAX_PAGES} pages",
            list.method()
        )))
    }
}

/// Adds the items of a page and returns the params for the next one.
fn read_page(
    page: &RawValue,
    list: List,
    items: &mut Vec<Box<RawValue>>,
) -> Result<Option<Box<RawValue>>, UpstreamError> {
    let invalid = || {
        UpstreamError::protocol(format!(
            "the result of {} has no {}",
            list.method(),
            list.member()
        ))
    };
    let page = Object::parse(page).map_err(|_| invalid())?;
    let found = page.get(list.member()).ok_or_else(invalid)?;
    items.append(&mut serde_json::from_str(found.get()).map_err(|_| invalid())?);
    Ok(page.get_str("nextCursor").map(|cursor| {
        let mut params = Object::new();
        params.set_str("cursor", &cursor);
        params.to_raw()
    }))
}

impl Offer {
    /// What a legacy server says of itself, with empty lists.
    pub(super) fn of_legacy(server: &LegacyServer) -> Self {
        let InitializeResult {
            capabilities,
            server_info,
            instructions,
            ..
        } = &server.about;
        Self {
            version: server.session.version,
            capabilities: capabilities.clone(),
            server_info: server_info.clone(),
            instructions: instructions.clone(),
            tools: Vec::new(),
            prompts: Vec::new(),
            resources: Vec::new(),
            resource_templates: Vec::new(),
            mints_sessions: server.session.id.is_some(),
        }
    }

    /// What a modern server says of itself, with empty lists.
    pub(super) fn of_modern(server: &ModernServer) -> Self {
        let DiscoverResult {
            capabilities,
            server_info,
            instructions,
            ..
        } = &server.about;
        Self {
            version: server.version,
            capabilities: capabilities.clone(),
            server_info: server_info.clone(),
            instructions: instructions.clone(),
            tools: Vec::new(),
            prompts: Vec::new(),
            resources: Vec::new(),
            resource_templates: Vec::new(),
            mints_sessions: false,
        }
    }

    pub(super) fn items(&mut self, list: List) -> &mut Vec<Box<RawValue>> {
        match list {
            List::Tools => &mut self.tools,
            List::Prompts => &mut self.prompts,
            List::Resources => &mut self.resources,
            List::ResourceTemplates => &mut self.resource_templates,
        }
    }
}
