//! Connections to addresses that the configuration allows.
//!
//! The check sits between finding the addresses of a host and connecting to them: what was checked is what is
//! connected, and a name that leads elsewhere a moment later gains nothing.

use std::error::Error;
use std::fmt;
use std::future::ready;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use std::vec;

use http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use hyper_util::rt::TokioIo;
use mcpg_config::app::is_public;
use tokio::net::TcpStream;
use tower_service::Service;

/// How long a connection may be silent before the system asks whether the other side is still there.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

type Failure = Box<dyn Error + Send + Sync>;
type Working<T> = Pin<Box<dyn Future<Output = Result<T, Failure>> + Send>>;

/// Makes TCP connections.
#[derive(Clone)]
pub(super) struct Guard {
    tcp: HttpConnector<Resolver>,
    allow_private: bool,
}

/// Finds the addresses of a name, and none if one of them is not allowed: a name that leads to a private address
/// among others is a trap more often than an accident.
#[derive(Clone)]
struct Resolver {
    system: GaiResolver,
    allow_private: bool,
}

/// The host has an address that is not of the public internet.
#[derive(Debug)]
pub(super) struct NotPublic;

impl Guard {
    pub(super) fn new(allow_private: bool) -> Self {
        let mut tcp = HttpConnector::new_with_resolver(Resolver {
            system: GaiResolver::new(),
            allow_private,
        });
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(KEEP_ALIVE));
        Self { tcp, allow_private }
    }
}

impl Service<Uri> for Guard {
    type Response = TokioIo<TcpStream>;
    type Error = Failure;
    type Future = Working<TokioIo<TcpStream>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        self.tcp.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, url: Uri) -> Self::Future {
        // An address in the place of a name is never resolved.
        if literal(&url).is_some_and(|address| !self.allow_private && !is_public(address)) {
            return Box::pin(ready(Err(NotPublic.into())));
        }
        let connecting = self.tcp.call(url);
        Box::pin(async { connecting.await.map_err(Into::into) })
    }
}

fn literal(url: &Uri) -> Option<IpAddr> {
    let host = url.host()?;
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

impl Service<Name> for Resolver {
    type Response = vec::IntoIter<SocketAddr>;
    type Error = Failure;
    type Future = Working<Self::Response>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        self.system.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let (resolving, allow_private) = (self.system.call(name), self.allow_private);
        Box::pin(async move {
            let addresses: Vec<SocketAddr> = resolving.await?.collect();
            if !allow_private && addresses.iter().any(|address| !is_public(address.ip())) {
                return Err(NotPublic.into());
            }
            Ok(addresses.into_iter())
        })
    }
}

impl fmt::Display for NotPublic {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the host has an address that is not of the public internet")
    }
}

impl Error for NotPublic {}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    async fn refused(url: &str) -> bool {
        let failure = Guard::new(false).call(url.parse().unwrap()).await.err().unwrap();
        let mut next: Option<&(dyn Error + 'static)> = Some(failure.as_ref());
        while let Some(error) = next {
            if error.is::<NotPublic>() {
                return true;
            }
            next = error.source();
        }
        panic!("not refused but failed: {failure}")
    }

    #[tokio::test]
    async fn private_addresses_are_refused_as_literals_and_as_names() {
        for url in [
            "http://127.0.0.1:1/",
            "http://169.254.169.254/latest/meta-data",
            "http://10.0.0.1/",
            "http://0.0.0.0:1/",
            "http://[::1]:1/",
            "http://[::ffff:127.0.0.1]:1/",
            "http://[fd00:ec2::254]/",
            "http://[64:ff9b::a9fe:a9fe]/",
            "http://localhost:1/",
            // Spellings that only the system's resolver understands.
            "http://127.1:1/",
            "http://2130706433:1/",
            "http://0x7f.0.0.1:1/",
        ] {
            assert!(refused(url).await, "{url}");
        }
    }

    #[tokio::test]
    async fn private_addresses_are_reached_where_they_are_allowed() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        for host in ["127.0.0.1", "localhost"] {
            let url = format!("http://{host}:{port}/").parse().unwrap();
            assert!(Guard::new(true).call(url).await.is_ok(), "{host}");
        }
    }
}
