//! The rules of `mcp.federations`.

use super::Checker;
use crate::app::{ClientIdentity, Federation, Import, NameFilter, Naming, Retry, Tls, Upstream};
use crate::path::Path;
use crate::raw::federation::{RawFederation, RawFilter, RawRetry, RawTls, RawUpstream};
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use http::{HeaderMap, HeaderName, HeaderValue};
use std::collections::BTreeMap;
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

pub(super) fn validate(raw: Vec<RawFederation>, checker: &mut Checker<'_>) -> Vec<Federation> {
    let list = Path::of_keys("mcp.federations");
    let names = raw
        .iter()
        .enumerate()
        .map(|(index, raw)| (list.index(index).key("name"), raw.name.as_str()));
    checker.unique("federation name", names);
    raw.into_iter()
        .enumerate()
        .filter_map(|(index, raw)| federation(raw, &list.index(index), checker))
        .collect()
}

fn federation(raw: RawFederation, path: &Path, checker: &mut Checker<'_>) -> Option<Federation> {
    let upstream = upstream(raw.upstream, &path.key("upstream"), checker);
    let filter = filter(&raw.filter, &path.key("filter"), checker);
    let retry = retry(&raw.retry, &path.key("retry"), checker);
    Some(Federation {
        name: raw.name,
        upstream: upstream?,
        import: Import {
            tools: raw.import.tools,
            prompts: raw.import.prompts,
            resources: raw.import.resources,
            resource_templates: raw.import.resource_templates,
        },
        naming: Naming {
            tool_prefix: raw.naming.tool_prefix,
            prompt_prefix: raw.naming.prompt_prefix,
        },
        filter,
        session_mode: raw.session.mode,
        retry,
    })
}

fn upstream(raw: RawUpstream, path: &Path, checker: &mut Checker<'_>) -> Option<Upstream> {
    let url = url(&raw.url, &path.key("url"), checker);
    let headers = headers(&raw.headers, &path.key("headers"), checker);
    let tls = raw
        .tls
        .map(|raw| tls(&raw, &path.key("tls"), url.as_ref(), checker));
    Some(Upstream {
        url: url?,
        protocol_version: raw.protocol_version,
        headers,
        tls,
        connect_timeout: Duration::from_millis(raw.connect_timeout_ms),
    })
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
    let file = |key: &str, file: &Option<std::path::PathBuf>| {
        file.as_ref().map(|file| checker.resolve(&path.key(key), file))
    };
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

fn filter(raw: &RawFilter, path: &Path, checker: &mut Checker<'_>) -> NameFilter {
    NameFilter {
        include: raw
            .include
            .as_ref()
            .map(|globs| glob_set(globs, &path.key("include"), checker)),
        exclude: glob_set(&raw.exclude, &path.key("exclude"), checker),
    }
}

fn glob_set(globs: &[String], path: &Path, checker: &mut Checker<'_>) -> GlobSet {
    let mut builder = GlobSetBuilder::new();
    for (index, glob) in globs.iter().enumerate() {
        match GlobBuilder::new(glob).build() {
            Ok(glob) => {
                builder.add(glob);
            }
            Err(error) => {
                let message = format!("not a glob: {}", error.kind());
                checker.invalid(
                    &path.index(index),
                    message,
                    "a name in which `*`, `?`, `[...]` and `{a,b}` stand for other characters",
                );
            }
        }
    }
    builder.build().unwrap_or_else(|error| {
        checker.invalid(
            path,
            format!("the globs cannot be used together: {}", error.kind()),
            "fewer or shorter globs",
        );
        GlobSet::empty()
    })
}

fn retry(raw: &RawRetry, path: &Path, checker: &mut Checker<'_>) -> Retry {
    if raw.max_ms < raw.initial_ms {
        let message = format!(
            "`max_ms` ({}) is less than `initial_ms` ({})",
            raw.max_ms, raw.initial_ms
        );
        checker.conflict(
            &path.key("max_ms"),
            message,
            format!("at least {}", raw.initial_ms),
            "make `max_ms` at least `initial_ms`",
        );
    }
    Retry {
        initial: Duration::from_millis(raw.initial_ms),
        max: Duration::from_millis(raw.max_ms),
    }
}
