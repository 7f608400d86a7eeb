//! Where a listener listens.

use std::fmt;
use std::net::IpAddr;

/// A host (a name or an IP address) and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BindAddress {
    /// A host name or an IP address; IPv6 without its brackets.
    pub host: String,
    /// The port; 0 lets the operating system choose one.
    pub port: u16,
}

impl BindAddress {
    /// Reads `host:port`, with brackets around an IPv6 host.
    ///
    /// # Errors
    /// A sentence that says what is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (host, port) = split(text)?;
        let port = port
            .parse()
            .map_err(|_| format!("`{port}` is not a port (0..=65535)"))?;
        if host.is_empty() {
            return Err("the host is missing in front of the port".to_owned());
        }
        if host.parse::<IpAddr>().is_err() && !is_host_name(host) {
            return Err(format!("`{host}` is neither a host name nor an IP address"));
        }
        Ok(Self {
            host: host.to_owned(),
            port,
        })
    }

    /// Tells whether only programs on the same machine can reach this address.
    pub fn is_loopback(&self) -> bool {
        match self.host.parse::<IpAddr>() {
            Ok(IpAddr::V6(address)) => address.to_canonical().is_loopback(),
            Ok(IpAddr::V4(address)) => address.is_loopback(),
            Err(_) => self.host.eq_ignore_ascii_case("localhost"),
        }
    }

    /// Tells whether the address means every interface (`0.0.0.0` or `[::]`).
    pub fn is_unspecified(&self) -> bool {
        self.host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_unspecified())
    }
}

impl fmt::Display for BindAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(formatter, "[{}]:{}", self.host, self.port)
        } else {
            write!(formatter, "{}:{}", self.host, self.port)
        }
    }
}

fn split(text: &str) -> Result<(&str, &str), String> {
    if let Some(rest) = text.strip_prefix('[') {
        let (host, tail) = rest
            .split_once(']')
            .ok_or_else(|| "the closing `]` of the IPv6 address is missing".to_owned())?;
        let port = tail
            .strip_prefix(':')
            .ok_or_else(|| "the port is missing after `]`".to_owned())?;
        return if host.parse::<std::net::Ipv6Addr>().is_ok() {
            Ok((host, port))
        } else {
            Err(format!("`{host}` is not an IPv6 address"))
        };
    }
    let (host, port) = text
        .rsplit_once(':')
        .ok_or_else(|| "the port is missing".to_owned())?;
    if host.contains(':') {
        return Err("an IPv6 address needs brackets, as in `[::1]:8787`".to_owned());
    }
    Ok((host, port))
}

fn is_host_name(host: &str) -> bool {
    host.len() <= 253
        && host.split('.').all(|label| {
            !label.is_empty()
                && label.len() <= 63
                && label
                    .chars()
                    .all(|character| character.is_ascii_alphanumeric() || "-_".contains(character))
        })
}

#[cfg(test)]
mod tests {
    use super::BindAddress;

    #[test]
    fn reads_names_and_both_address_families() {
        for (text, host, port) in [
            ("127.0.0.1:8787", "127.0.0.1", 8787),
            ("localhost:0", "localhost", 0),
            ("[::1]:80", "::1", 80),
        ] {
            let address = BindAddress::parse(text).expect(text);
            assert_eq!((address.host.as_str(), address.port), (host, port));
            assert_eq!(address.to_string(), text);
            assert!(address.is_loopback(), "{text}");
        }
    }

    #[test]
    fn refuses_what_no_listener_could_use() {
        for text in [
            "8787",
            ":8787",
            "::1:80",
            "[::1]",
            "host:99999",
            "a b:1",
            "[x]:1",
            "host:",
        ] {
            assert!(BindAddress::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn knows_addresses_that_others_can_reach() {
        for text in ["0.0.0.0:80", "[::]:80", "10.0.0.1:80", "example.com:80"] {
            assert!(!BindAddress::parse(text).expect(text).is_loopback(), "{text}");
        }
        assert!(BindAddress::parse("[::]:80").expect("address").is_unspecified());
    }
}
