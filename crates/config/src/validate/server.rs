//! The rules of `gateway.server`.

use super::Checker;
use crate::app::{AllowedHosts, AllowedOrigins, BindAddress, Server, Transport};
use crate::path::Path;
use crate::raw::gateway::RawServer;
use std::time::Duration;

/// The names under which a machine reaches itself.
const LOOPBACK_NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

const MEBIBYTE: u64 = 1024 * 1024;

pub(super) fn validate(raw: RawServer, may_be_reached: bool, checker: &mut Checker<'_>) -> Option<Server> {
    let block = Path::of_keys("gateway.server");
    check_paths(&raw, &block, checker);
    let bind_address = bind_address(&raw, &block, may_be_reached, checker);
    let names = default_names(bind_address.as_ref());
    let origins = raw.allowed_origins.unwrap_or_else(|| names.clone());
    let origins = AllowedOrigins::parse(&origins).map_err(|wrong| {
        entries(
            &block.key("allowed_origins"),
            wrong,
            "`*`, an origin such as `https://app.example`, or a host",
            checker,
        );
    });
    let hosts = raw.allowed_hosts.unwrap_or(names);
    let hosts = AllowedHosts::parse(&hosts).map_err(|wrong| {
        entries(
            &block.key("allowed_hosts"),
            wrong,
            "`*`, a host, or host:port",
            checker,
        );
    });
    Some(Server {
        transport: raw.transport,
        bind_address: bind_address?,
        mcp_path: raw.mcp_path,
        health_path: raw.health_path,
        allowed_origins: origins.ok()?,
        allowed_hosts: hosts.ok()?,
        request_timeout: Duration::from_millis(raw.request_timeout_ms),
        upgrade_after: Duration::from_millis(raw.upgrade_after_ms),
        session_idle_timeout: Duration::from_millis(raw.session_idle_timeout_ms),
        session_cache: Duration::from_millis(raw.session_cache_ms),
        max_sessions: usize::try_from(raw.max_sessions).unwrap_or(usize::MAX),
        max_request_body_bytes: bytes(raw.max_request_body_mb),
        max_response_bytes: bytes(raw.max_response_mb),
        drain_delay: Duration::from_millis(raw.drain_delay_ms),
        shutdown_timeout: Duration::from_millis(raw.shutdown_timeout_ms),
        access_log: raw.access_log,
    })
}

fn bind_address(
    raw: &RawServer,
    block: &Path,
    may_be_reached: bool,
    checker: &mut Checker<'_>,
) -> Option<BindAddress> {
    let path = block.key("bind_address");
    let address = match BindAddress::parse(&raw.bind_address) {
        Ok(address) => address,
        Err(reason) => {
            checker.invalid(&path, reason, "host:port, as in `127.0.0.1:8787` or `[::1]:8787`");
            return None;
        }
    };
    if raw.transport == Transport::Stdio {
        // Nobody listens there.
        return Some(address);
    }
    if !address.is_loopback() && !may_be_reached {
        checker.conflict(
            &path,
            "other machines can reach this address, and clients need no identity",
            "a loopback address, or any address when clients have keys or anonymous use is allowed",
            "bind a loopback address such as `127.0.0.1:8787`, give clients keys (`governance.access.api_keys`, made by `mcpg key new`), or set `governance.access.allow_anonymous: true`",
        );
    } else if address.is_unspecified() && raw.allowed_hosts.is_none() {
        checker.warn(
            &path,
            "the gateway listens on every interface but answers only requests for a loopback name",
            "list the names that clients use in `gateway.server.allowed_hosts`",
        );
    }
    Some(address)
}

fn check_paths(raw: &RawServer, block: &Path, checker: &mut Checker<'_>) {
    for (key, value) in [("mcp_path", &raw.mcp_path), ("health_path", &raw.health_path)] {
        let plain = |character: char| character.is_ascii_graphic() && !"?#%{}*:".contains(character);
        if !value.starts_with('/') || !value.chars().all(plain) {
            checker.invalid(
                &block.key(key),
                "not a path",
                "a path that begins with `/`, without spaces, `?`, `#`, `%`, `:`, `*`, `{` and `}`",
            );
        }
    }
    if raw.mcp_path == raw.health_path {
        let path = block.key("health_path");
        let message = format!("`mcp_path` and `health_path` are both `{}`", raw.mcp_path);
        checker.conflict(
            &path,
            message,
            "two different paths",
            "give one of them another path",
        );
    }
}

fn default_names(bind_address: Option<&BindAddress>) -> Vec<String> {
    let bind_host = bind_address.map(|address| address.host.as_str());
    LOOPBACK_NAMES
        .into_iter()
        .chain(bind_host)
        .map(str::to_owned)
        .collect()
}

fn entries(list: &Path, wrong: Vec<(usize, String)>, allowed: &str, checker: &mut Checker<'_>) {
    for (index, reason) in wrong {
        checker.invalid(&list.index(index), reason, allowed);
    }
}

fn bytes(mebibytes: u32) -> usize {
    usize::try_from(u64::from(mebibytes) * MEBIBYTE).unwrap_or(usize::MAX)
}
