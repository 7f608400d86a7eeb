//! What the types of the keys do not rule out.

use std::path::Path;

use mcpg_plugin_sdk::Diagnostic;
use url::Url;

use super::keys::{Config, TlsFiles};

const LONGEST_MS: u64 = 24 * 60 * 60 * 1000;
const LARGEST_BUFFER: u64 = 1_000_000;
const LONGEST_NODE_ID: usize = 255;

/// Finds every mistake. None of the messages shows the URL, which may hold a password.
pub(crate) fn find(config: &Config) -> Vec<Diagnostic> {
    let mut mistakes = Vec::new();
    let mut mistake = |path: &str, message: &str| mistakes.push(Diagnostic::new(path, message));
    let url = parse_url(&config.url);
    if url.is_none() {
        mistake(
            "/url",
            "expected a URL like redis://host:6379 or rediss://host:6379",
        );
    }
    let refresh = config.peer_refresh_interval_ms;
    for (path, value) in [
        ("/lease_ttl_ms", Some(config.lease_ttl_ms)),
        ("/peer_ttl_ms", Some(config.peer_ttl_ms)),
        ("/peer_refresh_interval_ms", refresh),
    ] {
        if value.is_some_and(|value| !(1..=LONGEST_MS).contains(&value)) {
            mistake(path, "expected milliseconds from 1 to 86400000");
        }
    }
    if refresh.is_some_and(|refresh| refresh >= config.peer_ttl_ms) {
        mistake("/peer_refresh_interval_ms", "must be less than peer_ttl_ms");
    }
    if !(1..=LARGEST_BUFFER).contains(&config.subscribe_pattern_buffer) {
        mistake("/subscribe_pattern_buffer", "expected a number from 1 to 1000000");
    }
    for (path, text) in [
        ("/service_name", Some(&config.service_name)),
        ("/node_id", config.node_id.as_ref()),
    ] {
        if text.is_some_and(|text| !is_name(text)) {
            mistake(path, "expected 1 to 255 bytes without control characters");
        }
    }
    if let Some(tls) = &config.tls {
        if url.is_some_and(|url| url.scheme() != "rediss") {
            mistake("/tls", "needs a rediss:// URL");
        }
        find_in_tls(tls, &mut mistake);
    }
    mistakes
}

fn find_in_tls(tls: &TlsFiles, mistake: &mut impl FnMut(&str, &str)) {
    if tls.client_cert.is_some() != tls.client_key.is_some() {
        mistake("/tls", "client_cert and client_key belong together");
    }
    for (path, file) in [
        ("/tls/ca_cert", &tls.ca_cert),
        ("/tls/client_cert", &tls.client_cert),
        ("/tls/client_key", &tls.client_key),
    ] {
        if file.as_deref() == Some(Path::new("")) {
            mistake(path, "must not be empty");
        }
    }
}

fn is_name(text: &str) -> bool {
    text.len() <= LONGEST_NODE_ID && !text.trim().is_empty() && !text.contains(char::is_control)
}

/// The URL, when it is one for this client. A fragment would switch off the check of certificates.
pub(super) fn parse_url(text: &str) -> Option<Url> {
    Url::parse(text).ok().filter(|url| {
        let known = matches!(url.scheme(), "redis" | "rediss");
        known && url.host_str().is_some_and(|host| !host.is_empty()) && url.fragment().is_none()
    })
}
