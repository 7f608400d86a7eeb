//! From what is written to what the gateway uses.
//!
//! What one value alone can get wrong in its type or range the schema has found before. Here are the rules that no
//! schema can say, and those that need two keys.

mod access;
mod admin;
mod audit;
mod backends;
mod bindings;
mod command;
mod configurations;
mod expression;
mod expression_names;
mod federations;
mod http_backend;
mod json_schema;
mod observability;
mod plugins;
mod server;
mod templates;
mod upstream;
mod uri_template;
mod url_template;

use crate::app::{AppConfig, Cluster, Gateway, Governance, Mcp};
use crate::found;
use crate::mistakes::{Mistake, Mistakes, position_of_value};
use crate::origin::Origin;
use crate::path::Path;
use crate::raw::{RawCluster, RawConfig};
use crate::report::DiagnosticCode;
use crate::tree::Node;
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

/// Validates what is left of a configuration; the result is complete only when nothing was wrong.
pub(crate) fn apply(
    raw: RawConfig,
    tree: &Node,
    origins: &[Origin],
    mistakes: &mut Mistakes,
) -> Option<AppConfig> {
    let mut checker = Checker {
        tree,
        origins,
        mistakes,
        request_timeout: None,
    };
    // Keys that are wrong are reported as what they are; that clients need no identity would not be true.
    let identified = raw.governance.access.allow_anonymous || !raw.governance.access.api_keys.is_empty();
    let access = access::validate(raw.governance.access, &mut checker);
    let audit = audit::validate(raw.governance.audit, &mut checker);
    let server = server::validate(raw.gateway.server, identified, &mut checker);
    let admin = admin::validate(&raw.gateway.admin, server.as_ref(), &mut checker);
    let cluster = cluster(raw.cluster);
    let plugins = plugins::validate(raw.plugins, &cluster, &mut checker);
    checker.request_timeout = server.as_ref().map(|server| server.request_timeout);
    let capabilities = bindings::validate(raw.mcp.capabilities, &mut checker);
    let federations = federations::validate(raw.mcp.federations, &mut checker);
    let configurations = configurations::validate(raw.mcp.configurations, &cluster, &mut checker);
    let of_gateway = observability::OfGateway {
        listens: raw.gateway.admin.bind_address.is_some(),
        access_log: server.as_ref().is_some_and(|server| server.access_log),
    };
    let observability = observability::validate(&raw.observability, &of_gateway, &mut checker);
    Some(AppConfig {
        gateway: Gateway {
            server: server?,
            admin,
            readiness: raw.gateway.readiness,
            require_durable: raw.gateway.require_durable,
        },
        cluster,
        plugins,
        governance: Governance { access, audit },
        observability,
        mcp: Mcp {
            capabilities,
            federations,
            configurations: configurations?,
        },
    })
}

fn cluster(raw: Option<RawCluster>) -> Cluster {
    match raw {
        Some(raw) if raw.kind != Cluster::SINGLE_NODE => Cluster {
            kind: raw.kind,
            settings: present(raw.settings),
        },
        _ => Cluster {
            kind: Cluster::SINGLE_NODE.to_owned(),
            settings: Map::new(),
        },
    }
}

/// Keys without a value count as absent, here as everywhere.
fn present(settings: Map<String, Value>) -> Map<String, Value> {
    settings
        .into_iter()
        .filter_map(|(key, value)| match value {
            Value::Null => None,
            Value::Object(inner) => Some((key, Value::Object(present(inner)))),
            value => Some((key, value)),
        })
        .collect()
}

/// Where the rules find places and leave what they found.
pub(crate) struct Checker<'c> {
    tree: &'c Node,
    origins: &'c [Origin],
    mistakes: &'c mut Mistakes,
    /// How long a call may be silent, once that is known to be valid.
    request_timeout: Option<Duration>,
}

impl Checker<'_> {
    /// Reports a value that is not allowed.
    fn invalid(&mut self, path: &Path, message: impl Into<String>, allowed: impl Into<String>) {
        let mistake = self
            .at(DiagnosticCode::InvalidValue, path, message)
            .allowed(allowed);
        self.mistakes.add(mistake);
    }

    /// Reports a name inside a text that stands for nothing.
    fn unknown_name(
        &mut self,
        path: &Path,
        message: impl Into<String>,
        allowed: impl Into<String>,
        hint: Option<String>,
    ) {
        let mistake = self
            .at(DiagnosticCode::InvalidValue, path, message)
            .allowed(allowed)
            .hint(hint);
        self.mistakes.add(mistake);
    }

    /// Reports a value that does not go together with another key.
    fn conflict(
        &mut self,
        path: &Path,
        message: impl Into<String>,
        allowed: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        let mistake = self
            .at(DiagnosticCode::Conflict, path, message)
            .allowed(allowed)
            .hint(remedy.into());
        self.mistakes.add(mistake);
    }

    /// Reports what is allowed but will surprise.
    fn warn(&mut self, path: &Path, message: impl Into<String>, remedy: impl Into<String>) {
        let warning = self
            .at(DiagnosticCode::Conflict, path, message)
            .hint(remedy.into());
        self.mistakes.warn(warning);
    }

    /// Reports every name that stands twice, with the place of the first.
    fn unique<'n>(&mut self, what: &str, names: impl Iterator<Item = (Path, &'n str)>) {
        let mut known: HashMap<&str, Path> = HashMap::new();
        for (path, name) in names {
            match known.get(name) {
                Some(first) => {
                    let message = format!("the {what} `{name}` stands twice: first at {}", self.place(first));
                    self.conflict(
                        &path,
                        message,
                        format!("every {what} once"),
                        "give one of the two another name",
                    );
                }
                None => {
                    known.insert(name, path);
                }
            }
        }
    }

    /// Places a relative path in the folder of the file that it was written in.
    fn resolve(&self, path: &Path, file: &std::path::Path) -> PathBuf {
        let origin = position_of_value(self.tree, &self.tree.original_path(path)).origin;
        self.origins
            .get(origin)
            .map_or_else(|| file.to_path_buf(), |origin| origin.resolve(file))
    }

    /// Whether somebody wrote a value there; otherwise it is the default.
    fn is_written(&self, path: &Path) -> bool {
        self.tree.get(&self.tree.original_path(path)).is_some()
    }

    /// The name of the file or variable that a value stands in.
    fn origin_label(&self, path: &Path) -> String {
        let position = position_of_value(self.tree, &self.tree.original_path(path));
        let origin = self.origins.get(position.origin);
        origin.map(|origin| origin.label.clone()).unwrap_or_default()
    }

    /// Names a place as `path (file:line:column)`.
    fn place(&self, path: &Path) -> String {
        let path = self.tree.original_path(path);
        let position = position_of_value(self.tree, &path);
        let label = self
            .origins
            .get(position.origin)
            .map_or("", |origin| origin.label.as_str());
        if position.line == 0 {
            return format!("{path} ({label})");
        }
        format!("{path} ({label}:{}:{})", position.line, position.column)
    }

    fn at(&self, code: DiagnosticCode, path: &Path, message: impl Into<String>) -> Mistake {
        let path = self.tree.original_path(path);
        let mut mistake = Mistake::new(code, path.clone(), position_of_value(self.tree, &path), message);
        mistake.found = self.tree.get(&path).map(|node| found::describe(&path, node));
        mistake
    }
}
