//! What the gateway says of itself.
//!
//! It follows from the configuration alone, not from what is reachable at the moment: a client that initializes while
//! an upstream is down must still be allowed to use it later, and every replica must say the same.

use mcpg_capabilities::levels::Raised;
use mcpg_mcp::initialize::{DiscoverResult, InitializeResult};
use mcpg_mcp::results::{CacheHints, CacheScope};
use mcpg_mcp::version::ProtocolVersion;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value, json};

use super::core::Router;

/// The gateway's name and version as MCP peers see them.
fn implementation() -> Box<RawValue> {
    raw(&json!({ "name": "mcpg", "title": "mcpg gateway", "version": env!("CARGO_PKG_VERSION") }))
}

impl Router {
    /// `server/discover`.
    pub(super) fn discover(&self) -> Box<RawValue> {
        DiscoverResult {
            supported_versions: ProtocolVersion::ALL.iter().map(ToString::to_string).collect(),
            capabilities: self.capabilities(false),
            server_info: Some(implementation()),
            instructions: self.instructions(),
            // The same for everybody; stale at once, because nothing tells of a change yet.
            cache: CacheHints {
                ttl_ms: 0,
                scope: CacheScope::Public,
            },
        }
        .to_raw()
    }

    /// The result of `initialize` for a session of `version`.
    pub(super) fn initialize_result(&self, version: ProtocolVersion) -> Box<RawValue> {
        InitializeResult {
            protocol_version: version.to_string(),
            capabilities: self.capabilities(true),
            server_info: Some(implementation()),
            instructions: self.instructions(),
        }
        .to_raw()
    }

    /// The lists that may change: what the configuration defines stays as it is.
    pub(super) fn changing_lists(&self) -> Raised {
        let imports = |test: fn(&mcpg_config::app::Import) -> bool| {
            self.members
                .iter()
                .any(|(federation, _)| test(&federation.import))
        };
        Raised {
            tools: imports(|import| import.tools),
            prompts: imports(|import| import.prompts),
            resources: imports(|import| import.resources || import.resource_templates),
            ..Raised::default()
        }
    }

    fn capabilities(&self, legacy: bool) -> Box<RawValue> {
        let changing = self.changing_lists();
        // Nothing is said in the modern era of what cannot be heard there.
        let members = |changes: bool| match legacy && changes {
            true => json!({ "listChanged": true }),
            false => json!({}),
        };
        let own = |kind| !self.own.listed(kind).is_empty();
        let mut capabilities = Map::new();
        if own(super::Kind::Tools) || changing.tools {
            capabilities.insert("tools".to_owned(), members(changing.tools));
        }
        if own(super::Kind::Prompts) || changing.prompts {
            capabilities.insert("prompts".to_owned(), members(changing.prompts));
        }
        let own_resources = own(super::Kind::Resources) || own(super::Kind::ResourceTemplates);
        if own_resources || changing.resources {
            let members = match legacy && changing.resources {
                true => json!({ "listChanged": true, "subscribe": true }),
                false => json!({}),
            };
            capabilities.insert("resources".to_owned(), members);
        }
        if !self.members.is_empty() {
            capabilities.insert("completions".to_owned(), json!({}));
            capabilities.insert("logging".to_owned(), json!({}));
        }
        raw(&Value::Object(capabilities))
    }

    /// The upstreams' own instructions, each under its name.
    fn instructions(&self) -> Option<String> {
        let mut parts = Vec::new();
        for (federation, upstream) in &self.members {
            let state = upstream.state();
            let offer = state.legacy.as_ref().or(state.modern.as_ref());
            if let Some(text) = offer.and_then(|offer| offer.instructions.as_deref()) {
                parts.push((federation.name.as_str(), text.to_owned()));
            }
        }
        match parts.as_slice() {
            [] => None,
            [(_, only)] if self.members.len() == 1 => Some(only.clone()),
            several => {
                let named: Vec<String> = several
                    .iter()
                    .map(|(name, text)| format!("# {name}\n{text}"))
                    .collect();
                Some(named.join("\n\n"))
            }
        }
    }
}

fn raw(value: &Value) -> Box<RawValue> {
    to_raw_value(value).expect("a JSON value is always written as JSON")
}
