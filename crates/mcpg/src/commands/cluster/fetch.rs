//! Asking the listener for operators of one replica.

use std::time::Duration;

use bytes::Bytes;
use http::header::HOST;
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::failure::Failure;
use crate::status::FleetFacts;

/// More than any fleet has to say.
const LARGEST: usize = 64 * 1024 * 1024;

const ADVICE: &str =
    "name the listener for operators of a running replica: gateway.admin.bind_address, or --admin URL";

type Broken = Box<dyn std::error::Error + Send + Sync>;

/// The listener for operators of a replica.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Target {
    authority: String,
}

impl Target {
    /// The listener at `host:port`.
    pub(super) fn new(authority: String) -> Self {
        Self { authority }
    }

    /// Reads `http://host:port`; the scheme and a path may be left out or be there.
    pub(super) fn parse(url: &str) -> Result<Self, Failure> {
        let wrong = |why: &str| {
            Failure::usage(
                &format!("--admin {url}: {why}"),
                "write http://HOST:PORT of a replica's listener for operators",
            )
        };
        let uri: Uri = url.parse().map_err(|_| wrong("not a URL"))?;
        if !matches!(uri.scheme_str(), None | Some("http")) {
            return Err(wrong("the listener for operators speaks plain http"));
        }
        let authority = uri.authority().ok_or_else(|| wrong("names no host"))?;
        if authority.port_u16().is_none() {
            return Err(wrong("names no port"));
        }
        Ok(Self::new(format!(
            "{}:{}",
            authority.host(),
            authority.port_u16().unwrap_or_default()
        )))
    }
}

/// What a replica says about its fleet: as it stands in the answer, and read.
pub(super) fn facts(target: &Target, limit: Duration) -> Result<(String, FleetFacts), Failure> {
    let authority = &target.authority;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| {
            Failure::boot(
                &format!("the runtime cannot start: {error}"),
                "free some resources",
            )
        })?;
    let asked = runtime.block_on(async { timeout(limit, ask(authority)).await });
    let (status, body) = match asked {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => {
            return Err(Failure::boot(
                &format!("http://{authority} gives no answer: {error}"),
                ADVICE,
            ));
        }
        Err(_) => {
            let cause = format!("http://{authority} gave no answer within {} s", limit.as_secs());
            return Err(Failure::boot(
                &cause,
                "ask another replica, or wait longer with --timeout SECONDS",
            ));
        }
    };
    let foreign = |what: &str| Failure::boot(&format!("http://{authority} {what}"), ADVICE);
    if status == StatusCode::SERVICE_UNAVAILABLE && body.starts_with("this replica does not serve yet") {
        return Err(Failure::boot(
            &format!("the replica at http://{authority} does not serve yet"),
            "wait until its /ready is green, or ask another replica",
        ));
    }
    if status != StatusCode::OK {
        return Err(foreign(&format!(
            "is not mcpg's listener for operators: GET /cluster is answered with {status}"
        )));
    }
    match serde_json::from_str(&body) {
        Ok(facts) => Ok((body, facts)),
        Err(_) => Err(foreign(
            "is not mcpg's listener for operators: its answer to GET /cluster is something else",
        )),
    }
}

async fn ask(authority: &str) -> Result<(StatusCode, String), Broken> {
    let stream = TcpStream::connect(authority).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // A broken connection shows itself where the answer is read.
    tokio::spawn(connection);
    let request = Request::get("/cluster")
        .header(HOST, authority)
        .body(Empty::<Bytes>::new())?;
    let answer = sender.send_request(request).await?;
    let status = answer.status();
    let body = Limited::new(answer.into_body(), LARGEST).collect().await?;
    Ok((status, String::from_utf8_lossy(&body.to_bytes()).into_owned()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_url_is_a_host_and_a_port() {
        for url in [
            "http://a.example:9090",
            "http://a.example:9090/cluster",
            "a.example:9090",
        ] {
            assert_eq!(
                Target::parse(url).unwrap(),
                Target::new("a.example:9090".to_owned())
            );
        }
        for (url, why) in [
            ("https://a:9090", "speaks plain http"),
            ("http://a", "names no port"),
            ("/cluster", "names no host"),
            ("a b", "not a URL"),
        ] {
            let failure = format!("{:?}", Target::parse(url).unwrap_err());
            assert!(failure.contains(why) && failure.contains(url), "{failure}");
        }
    }
}
