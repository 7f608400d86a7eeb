//! The rules of URLs with places for arguments.
//!
//! Scheme, user, host and port are fixed before the first argument is looked at, so no argument can change them.

use super::Checker;
use super::templates::{self, Scope};
use crate::app::{Part, Template, UrlTemplate, is_public};
use crate::path::Path;
use url::{Host, Url};

const ALLOWED: &str = "`http://host[:port]/path?query` or `https://host[:port]/path?query`";

/// Takes a URL apart.
pub(super) fn validate(
    text: &str,
    allow_private: bool,
    scope: &Scope,
    path: &Path,
    checker: &mut Checker<'_>,
) -> Option<UrlTemplate> {
    // Programs that read URLs skip such characters silently, so they could hide what a path really says.
    if text
        .chars()
        .any(|character| character.is_control() || character.is_whitespace() || character == '\\')
    {
        checker.invalid(
            path,
            "a URL holds no blanks, control characters and backslashes",
            ALLOWED,
        );
        return None;
    }
    let authority = text.find("://").map_or(0, |at| at + 3);
    let end = text[authority..]
        .find(['/', '?', '#'])
        .map_or(text.len(), |at| authority + at);
    if !templates::is_fixed(&text[..end], "the scheme, host or port", path, checker) {
        return None;
    }
    let origin = origin(&text[..end], allow_private, path, checker)?;
    let rest = templates::template(&text[end..], scope, path, checker)?;
    if rest
        .parts()
        .iter()
        .any(|part| matches!(part, Part::Text(text) if text.contains('#')))
    {
        checker.invalid(path, "a fragment (`#...`) is never sent to a server", ALLOWED);
        return None;
    }
    let (before, query) = rest.split_once('?');
    // The path begins with the slash behind the authority.
    let segments = before.split('/').into_iter().skip(1).collect::<Vec<Template>>();
    Some(UrlTemplate {
        origin,
        segments,
        query,
    })
}

fn origin(text: &str, allow_private: bool, path: &Path, checker: &mut Checker<'_>) -> Option<Url> {
    let url = match Url::parse(text) {
        Ok(url) => url,
        Err(error) => {
            checker.invalid(path, format!("not a URL: {error}"), ALLOWED);
            return None;
        }
    };
    if !matches!(url.scheme(), "http" | "https") {
        let message = format!("the scheme `{}` is not supported", url.scheme());
        checker.invalid(path, message, ALLOWED);
        return None;
    }
    if !url.username().is_empty() || url.password().is_some() {
        checker.conflict(
            path,
            "a user or password in the URL is not sent",
            ALLOWED,
            "put credentials into `headers`, as in `authorization: Bearer ${env.TOKEN}`",
        );
        return None;
    }
    let address = match url.host() {
        Some(Host::Ipv4(address)) => Some(address.into()),
        Some(Host::Ipv6(address)) => Some(address.into()),
        _ => None,
    };
    if let Some(address) = address.filter(|address| !allow_private && !is_public(*address)) {
        checker.conflict(
            path,
            format!("{address} is not an address of the public internet"),
            "a public address, or any address beside `allow_private: true`",
            "set `allow_private: true` if this server is meant",
        );
        return None;
    }
    Some(url)
}
