//! Which `Host` and `Origin` headers are let in, against DNS rebinding.

use url::Url;

/// The names under which the gateway may be addressed (`gateway.server.allowed_hosts`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedHosts {
    entries: Entries<Authority>,
}

/// The web pages that may call the gateway (`gateway.server.allowed_origins`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedOrigins {
    entries: Entries<OriginEntry>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Entries<T> {
    /// `*` was written.
    All,
    Listed(Vec<T>),
}

/// A host without brackets in lower case, and a port that is absent for any port.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Authority {
    host: String,
    port: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum OriginEntry {
    /// A host under any scheme.
    Authority(Authority),
    /// Scheme, host and port, in the form in which browsers send it.
    Origin(String),
}

/// What `*` in a list stands for.
const ANY: &str = "*";

impl AllowedHosts {
    /// Reads the entries of the list: `*`, a host, or `host:port`.
    ///
    /// # Errors
    /// For each wrong entry its index and a sentence that says what is wrong.
    pub fn parse<T: AsRef<str>>(entries: &[T]) -> Result<Self, Vec<(usize, String)>> {
        let entries = parse_entries(entries, Authority::parse)?;
        Ok(Self { entries })
    }

    /// Tells whether a request with this `Host` header is let in.
    pub fn allows(&self, host: &str) -> bool {
        match &self.entries {
            Entries::All => true,
            Entries::Listed(listed) => {
                Authority::parse(host).is_ok_and(|found| listed.iter().any(|entry| entry.covers(&found)))
            }
        }
    }
}

impl AllowedOrigins {
    /// Reads the entries of the list: `*`, an origin (`https://host[:port]`), a host, or `host:port`.
    ///
    /// # Errors
    /// For each wrong entry its index and a sentence that says what is wrong.
    pub fn parse<T: AsRef<str>>(entries: &[T]) -> Result<Self, Vec<(usize, String)>> {
        let entries = parse_entries(entries, |text| {
            if text.contains("://") {
                normal_origin(text).map(OriginEntry::Origin)
            } else {
                Authority::parse(text).map(OriginEntry::Authority)
            }
        })?;
        Ok(Self { entries })
    }

    /// Tells whether a request with this `Origin` header is let in.
    pub fn allows(&self, origin: &str) -> bool {
        let listed = match &self.entries {
            Entries::All => return true,
            Entries::Listed(listed) => listed,
        };
        let Ok(normal) = normal_origin(origin) else {
            return false;
        };
        let authority = normal
            .split_once("://")
            .and_then(|(_, rest)| Authority::parse(rest).ok());
        listed.iter().any(|entry| match entry {
            OriginEntry::Origin(allowed) => *allowed == normal,
            OriginEntry::Authority(allowed) => authority.as_ref().is_some_and(|found| allowed.covers(found)),
        })
    }
}

impl Authority {
    fn parse(text: &str) -> Result<Self, String> {
        let (host, port) = match text.strip_prefix('[').map(|rest| rest.split_once(']')) {
            Some(Some((host, ""))) => (host, None),
            Some(Some((host, tail))) => (host, tail.strip_prefix(':')),
            Some(None) => return Err(format!("the `]` is missing in `{text}`")),
            None => match text.split_once(':') {
                // More than one colon: an IPv6 address that stands without its brackets.
                Some((_, port)) if port.contains(':') => (text, None),
                Some((host, port)) => (host, Some(port)),
                None => (text, None),
            },
        };
        let port = match port {
            Some(port) => Some(port.parse().map_err(|_| format!("`{port}` is not a port"))?),
            None => None,
        };
        let allowed =
            |character: char| character.is_ascii_alphanumeric() || matches!(character, '.' | '-' | '_' | ':');
        if host.is_empty() || !host.chars().all(allowed) {
            return Err(format!("`{text}` is not a host name or an IP address"));
        }
        Ok(Self {
            host: host.to_ascii_lowercase(),
            port,
        })
    }

    fn covers(&self, found: &Self) -> bool {
        self.host == found.host && (self.port.is_none() || self.port == found.port)
    }
}

fn normal_origin(text: &str) -> Result<String, String> {
    let url = Url::parse(text).map_err(|error| format!("`{text}` is not an origin: {error}"))?;
    let bare = url.path().is_empty() || url.path() == "/";
    if !bare || url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() {
        return Err(format!(
            "`{text}` has more than the scheme, host and port of an origin"
        ));
    }
    if !url.has_host() {
        return Err(format!("`{text}` has no host"));
    }
    let origin = url.origin();
    if origin.is_tuple() {
        return Ok(origin.ascii_serialization());
    }
    // Schemes of programs (`vscode-webview://id`) have no default port to normalise.
    Ok(text.trim_end_matches('/').to_ascii_lowercase())
}

fn parse_entries<T, E: AsRef<str>>(
    entries: &[E],
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<Entries<T>, Vec<(usize, String)>> {
    let mut listed = Vec::with_capacity(entries.len());
    let mut wrong = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        match entry.as_ref() {
            ANY => {}
            text => match parse(text) {
                Ok(entry) => listed.push(entry),
                Err(reason) => wrong.push((index, reason)),
            },
        }
    }
    if !wrong.is_empty() {
        return Err(wrong);
    }
    if entries.iter().any(|entry| entry.as_ref() == ANY) {
        return Ok(Entries::All);
    }
    Ok(Entries::Listed(listed))
}

#[cfg(test)]
mod tests {
    use super::{AllowedHosts, AllowedOrigins};

    #[test]
    fn a_host_without_a_port_is_allowed_on_every_port() {
        let hosts = AllowedHosts::parse(&["localhost", "::1", "api.example:443"]).expect("valid");
        for host in [
            "localhost",
            "LOCALHOST:8787",
            "[::1]:8787",
            "[::1]",
            "api.example:443",
        ] {
            assert!(hosts.allows(host), "{host}");
        }
        for host in [
            "evil.example",
            "api.example:80",
            "api.example",
            "localhost.evil",
            "",
        ] {
            assert!(!hosts.allows(host), "{host}");
        }
    }

    #[test]
    fn a_star_must_be_written_to_allow_all() {
        let none: [&str; 0] = [];
        assert!(!AllowedHosts::parse(&none).expect("valid").allows("localhost"));
        assert!(
            AllowedHosts::parse(&["*"])
                .expect("valid")
                .allows("anything at all")
        );
        assert!(AllowedOrigins::parse(&["*"]).expect("valid").allows("null"));
    }

    #[test]
    fn an_origin_is_compared_whole_and_a_host_under_any_scheme() {
        let origins = AllowedOrigins::parse(&["localhost", "https://App.example"]).expect("valid");
        for origin in [
            "http://localhost",
            "https://localhost:5173",
            "https://app.example",
            "https://app.example:443",
        ] {
            assert!(origins.allows(origin), "{origin}");
        }
        for origin in [
            "http://app.example",
            "https://app.example:444",
            "null",
            "http://evil.example",
        ] {
            assert!(!origins.allows(origin), "{origin}");
        }
    }

    #[test]
    fn every_wrong_entry_is_named_by_its_index() {
        let wrong = AllowedOrigins::parse(&["https://a/b", "ok", "a b"]).expect_err("wrong");
        let indexes: Vec<usize> = wrong.iter().map(|(index, _)| *index).collect();
        assert_eq!(indexes, [0, 2]);
    }
}
