//! The rules of `mcp.federations[].upstream`: a server at a URL, or one that is a program.

use super::Checker;
use crate::app::{ClientIdentity, CommandTransport, HttpTransport, Tls, Upstream, UpstreamTransport};
use crate::path::Path;
use crate::raw::federation::{RawTls, RawUpstream};
use http::{HeaderMap, HeaderName, HeaderValue};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;
use url::Url;

/// Headers that the gateway itself sets, by their exact name or, with a `*`, by how they begin.
const RESERVED_HEADERS: [&str; 11] = [
    "accept",
    "connection",
    "content-length",
    "content-type",
    "host",
    "last-event-id",
    "mcp-*",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

pub(super) fn upstream(raw: RawUpstream, path: &Path, checker: &mut Checker<'_>) -> Option<Upstream> {
    let protocol_version = raw.protocol_version;
    // Before it is known whether they belong here: what is wrong with them is wrong anyway.
    let headers = headers(
        raw.headers.as_ref().unwrap_or(&BTreeMap::new()),
        &path.key("headers"),
        checker,
    );
    let transport = match (&raw.url, &raw.command) {
        (Some(_), None) => {
            let misplaced = [
                ("args", raw.args.is_some()),
                ("env", raw.env.is_some()),
                ("cwd", raw.cwd.is_some()),
            ];
            refuse(&misplaced, "command", "url", path, checker);
            UpstreamTransport::Http(http(&raw, headers, path, checker)?)
        }
        (None, Some(_)) => {
            let misplaced = [
                ("headers", raw.headers.is_some()),
                ("tls", raw.tls.is_some()),
                ("connect_timeout_ms", raw.connect_timeout_ms.is_some()),
            ];
            refuse(&misplaced, "url", "command", path, checker);
            UpstreamTransport::Command(command(raw, path, checker)?)
        }
        (Some(_), Some(_)) => {
            checker.conflict(
                &path.key("command"),
                "`command` and `url` are two ways to reach one server",
                "one of `url` and `command`",
                "keep `url` for a server that runs by itself, or `command` for a program that the gateway runs",
            );
            return None;
        }
        (None, None) => {
            checker.conflict(
                path,
                "nothing says how the server is reached: neither `url` nor `command` is there",
                "one of `url` and `command`",
                "add `url` for a server that runs by itself, or `command` for a program that the gateway runs",
            );
            return None;
        }
    };
    Some(Upstream {
        protocol_version,
        transport,
    })
}

/// Reports the keys that are there and belong to the other kind of server.
fn refuse(misplaced: &[(&str, bool)], owner: &str, present: &str, path: &Path, checker: &mut Checker<'_>) {
    for (key, _) in misplaced.iter().filter(|(_, is_there)| *is_there) {
        checker.conflict(
            &path.key(*key),
            format!("`{key}` belongs to `{owner}` and has no effect on `{present}`"),
            format!("`{key}` beside `{owner}` only"),
            format!("leave `{key}` out, or replace `{present}` by `{owner}`"),
        );
    }
}

fn http(
    raw: &RawUpstream,
    headers: HeaderMap,
    path: &Path,
    checker: &mut Checker<'_>,
) -> Option<HttpTransport> {
    let url = url(raw.url.as_deref()?, &path.key("url"), checker);
    let tls = raw
        .tls
        .as_ref()
        .map(|raw| tls(raw, &path.key("tls"), url.as_ref(), checker));
    Some(HttpTransport {
        url: url?,
        headers,
        tls,
        connect_timeout: raw
            .connect_timeout_ms
            .map_or(DEFAULT_CONNECT_TIMEOUT, Duration::from_millis),
    })
}

fn command(raw: RawUpstream, path: &Path, checker: &mut Checker<'_>) -> Option<CommandTransport> {
    let command = raw.command?;
    let args = raw.args.unwrap_or_default();
    let env = raw.env.unwrap_or_default();
    let mut is_usable = no_nul(&command, &path.key("command"), checker);
    for (index, argument) in args.iter().enumerate() {
        is_usable &= no_nul(argument, &path.key("args").index(index), checker);
    }
    for (name, value) in &env {
        let path = path.key("env").key(name);
        is_usable &= no_nul(value, &path, checker);
        if name.is_empty() || name.contains(['=', '\0']) {
            checker.invalid(
                &path,
                format!("`{name}` is not the name of a variable"),
                "a name without `=`",
            );
            is_usable = false;
        }
    }
    // A bare name is looked up when the program is started, as a shell would do.
    let program = if command.contains('/') {
        checker.resolve(&path.key("command"), std::path::Path::new(&command))
    } else {
        PathBuf::from(command)
    };
    let cwd = raw.cwd.map(|cwd| checker.resolve(&path.key("cwd"), &cwd));
    is_usable.then_some(CommandTransport {
        program,
        args,
        env,
        cwd,
    })
}

/// The system ends texts with a NUL character, so it cannot pass one on.
fn no_nul(text: &str, path: &Path, checker: &mut Checker<'_>) -> bool {
    let is_usable = !text.contains('\0');
    if !is_usable {
        checker.invalid(
            path,
            "a program cannot be given a NUL character",
            "a text without it",
        );
    }
    is_usable
}

fn url(text: &str, path: &Path, checker: &mut Checker<'_>) -> Option<Url> {
    const ALLOWED: &str = "`http://host[:port]/path` or `https://host[:port]/path`";
    let url = match Url::parse(text) {
        Ok(url) => url,
        Err(error) => {
            checker.invalid(path, format!("not a URL: {error}"), ALLOWED);
            return None;
        }
    };
    if !matches!(url.scheme(), "http" | "https") {
        checker.invalid(
            path,
            format!("the scheme `{}` is not supported", url.scheme()),
            ALLOWED,
        );
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
    if url.fragment().is_some() {
        checker.invalid(path, "a fragment (`#...`) is never sent to a server", ALLOWED);
        return None;
    }
    Some(url)
}

fn headers(raw: &BTreeMap<String, String>, path: &Path, checker: &mut Checker<'_>) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(raw.len());
    for (name, value) in raw {
        let path = path.key(name);
        let Ok(header) = HeaderName::from_bytes(name.as_bytes()) else {
            checker.invalid(
                &path,
                format!("`{name}` is not a header name"),
                "letters, digits and `-`",
            );
            continue;
        };
        if is_reserved(&header) {
            checker.conflict(
                &path,
                format!("the gateway sets the header `{header}` itself"),
                "headers that the gateway does not set",
                "leave it out",
            );
            continue;
        }
        let Ok(mut value) = HeaderValue::from_str(value) else {
            checker.invalid(&path, "not a header value", "a text of one line in ASCII");
            continue;
        };
        value.set_sensitive(true);
        if headers.insert(&header, value).is_some() {
            checker.conflict(
                &path,
                format!("the header `{header}` stands twice in other letters"),
                "every header once",
                "keep one of the two",
            );
        }
    }
    headers
}

fn is_reserved(header: &HeaderName) -> bool {
    RESERVED_HEADERS
        .iter()
        .any(|reserved| match reserved.strip_suffix('*') {
            Some(start) => header.as_str().starts_with(start),
            None => header.as_str() == *reserved,
        })
}

fn tls(raw: &RawTls, path: &Path, url: Option<&Url>, checker: &mut Checker<'_>) -> Tls {
    if let Some(url) = url.filter(|url| url.scheme() != "https") {
        let message = format!("`tls` has no effect on a URL with the scheme `{}`", url.scheme());
        checker.conflict(
            path,
            message,
            "`tls` beside a URL with `https://`",
            "use `https://` in `url`, or leave `tls` out",
        );
    }
    let file =
        |key: &str, file: &Option<PathBuf>| file.as_ref().map(|file| checker.resolve(&path.key(key), file));
    let ca_cert = file("ca_cert", &raw.ca_cert);
    let identity = (
        file("client_cert", &raw.client_cert),
        file("client_key", &raw.client_key),
    );
    let client_identity = match identity {
        (Some(cert), Some(key)) => Some(ClientIdentity { cert, key }),
        (None, None) => None,
        (Some(_), None) => {
            checker.conflict(
                &path.key("client_cert"),
                "`client_cert` needs `client_key`",
                "both or neither of them",
                "add `client_key`",
            );
            None
        }
        (None, Some(_)) => {
            checker.conflict(
                &path.key("client_key"),
                "`client_key` needs `client_cert`",
                "both or neither of them",
                "add `client_cert`",
            );
            None
        }
    };
    Tls {
        ca_cert,
        client_identity,
    }
}
