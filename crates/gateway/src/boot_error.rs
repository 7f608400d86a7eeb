//! Why a gateway cannot start: one sentence of cause and one of remedy.

use std::io;

use mcpg_config::app::BindAddress;

use crate::router::NameCollision;

/// Why a gateway cannot start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BootError {
    cause: String,
    remedy: String,
}

impl BootError {
    /// Makes an error from its two sentences.
    pub fn new(cause: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            cause: cause.into(),
            remedy: remedy.into(),
        }
    }

    /// What is wrong.
    pub fn cause(&self) -> &str {
        &self.cause
    }

    /// What to do about it.
    pub fn remedy(&self) -> &str {
        &self.remedy
    }

    pub(crate) fn bind(address: &BindAddress, error: &io::Error) -> Self {
        let remedy = match error.kind() {
            io::ErrorKind::AddrInUse => {
                "stop the other program or choose another port in gateway.server.bind_address"
            }
            io::ErrorKind::PermissionDenied => {
                "choose a port above 1023 in gateway.server.bind_address or give the process the right to use it"
            }
            _ => "set gateway.server.bind_address to an address of this machine",
        };
        let why = match error.kind() {
            io::ErrorKind::AddrInUse => "another program listens there already".to_owned(),
            _ => error.to_string(),
        };
        Self::new(format!("cannot listen on {address}: {why}"), remedy)
    }

    pub(crate) fn names(collisions: &[NameCollision]) -> Self {
        let several: Vec<String> = collisions
            .iter()
            .map(
                |NameCollision {
                     kind,
                     name,
                     first,
                     second,
                 }| { format!("{first} and {second} both offer {name} in {kind}") },
            )
            .collect();
        let key = if collisions.iter().any(|collision| collision.kind == "tools") {
            "tool_prefix"
        } else {
            "prompt_prefix"
        };
        let second = collisions
            .first()
            .map_or("", |collision| collision.second.as_str());
        Self::new(
            several.join("; "),
            format!("set mcp.federations[name={second}].naming.{key}, or leave one out with filter.exclude"),
        )
    }

    pub(crate) fn upstream(name: &str, error: &dyn std::fmt::Display) -> Self {
        Self::new(
            format!("upstream {name} cannot be used: {error}"),
            format!("correct mcp.federations[name={name}].upstream"),
        )
    }
}

impl std::fmt::Display for BootError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}\n{}", self.cause, self.remedy)
    }
}

impl std::error::Error for BootError {}
