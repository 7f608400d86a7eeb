//! The listener for operators: `/ready`, `/health`, `/cluster` and `/metrics`.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use mcpg_config::app::Admin as Config;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use crate::failure::Failure;
use crate::metrics::Metrics;
use crate::readiness::Readiness;
use crate::status::Status;

/// How many connections are open at once; more wait to be accepted.
const MOST_CONNECTIONS: usize = 64;

/// How long a connection may keep silent before and between requests.
const SILENCE: Duration = Duration::from_secs(5);

/// How long a connection may last altogether: one that reads its answers too slowly must not stay for ever.
const LONGEST: Duration = Duration::from_secs(60);

/// The Prometheus text format.
const METRICS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What is told to operators.
#[derive(Clone)]
pub(crate) struct Told {
    pub(crate) readiness: Readiness,
    /// The state of the fleet; there is none before this replica serves.
    pub(crate) status: Arc<OnceLock<Arc<Status>>>,
    /// What was counted, where anything is.
    pub(crate) metrics: Option<Metrics>,
}

/// A listener that answers nobody yet.
pub(crate) struct Admin {
    listener: TcpListener,
    address: SocketAddr,
}

/// A listener that answers until this is dropped.
pub(crate) struct Serving {
    task: JoinHandle<()>,
    address: SocketAddr,
}

impl Admin {
    /// Takes the address of `gateway.admin.bind_address`; `None` where there is none.
    ///
    /// # Errors
    /// When it cannot be taken.
    pub(crate) async fn bind(config: &Config) -> Result<Option<Self>, Failure> {
        let Some(wanted) = &config.bind_address else {
            return Ok(None);
        };
        let bound = async {
            let listener = TcpListener::bind((wanted.host.as_str(), wanted.port)).await?;
            let address = listener.local_addr()?;
            Ok(Self { listener, address })
        };
        bound.await.map(Some).map_err(|error: std::io::Error| {
            Failure::boot(
                &format!("gateway.admin.bind_address {wanted} cannot be used: {error}"),
                "choose an address of this machine and a port that is free",
            )
        })
    }

    /// Answers from now on, in a task of its own.
    pub(crate) fn serve(self, told: Told) -> Serving {
        let address = self.address;
        info!(message = "Listening for operators.", %address);
        Serving {
            task: tokio::spawn(accept(self.listener, told)),
            address,
        }
    }
}

impl Serving {
    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, told: Told) {
    let room = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, _)) => {
                connections.spawn(serve(stream, told.clone(), permit));
            }
            Err(error) => {
                // Too many open files, for example: trying again at once would only burn time.
                warn!(message = "A connection to the listener for operators failed.", %error);
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn serve(stream: TcpStream, told: Told, _permit: OwnedSemaphorePermit) {
    // Answers are small and waited for; nothing is gained by collecting them.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let told = told.clone();
        async move { Ok::<_, Infallible>(answer(&request, &told).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(SILENCE)
        .serve_connection(TokioIo::new(stream), service);
    // Whoever asks may go away at any time, which is no news.
    let _ = timeout(LONGEST, connection).await;
}

async fn answer<B>(request: &Request<B>, told: &Told) -> Response<Full<Bytes>> {
    let path = request.uri().path();
    if !matches!(path, "/ready" | "/health" | "/cluster" | "/metrics") {
        return text(
            StatusCode::NOT_FOUND,
            "there are /ready, /health, /cluster and /metrics",
        );
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut refused = text(StatusCode::METHOD_NOT_ALLOWED, "ask with GET");
        refused
            .headers_mut()
            .insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return refused;
    }
    match path {
        "/health" => text(StatusCode::OK, "ok"),
        "/cluster" => cluster(told).await,
        "/metrics" => metrics(told),
        _ => ready(&told.readiness),
    }
}

fn metrics(told: &Told) -> Response<Full<Bytes>> {
    match &told.metrics {
        Some(metrics) => response(StatusCode::OK, METRICS_TYPE, metrics.render(&told.readiness)),
        None => text(
            StatusCode::NOT_FOUND,
            "nothing is counted: set observability.metrics.enabled: true and restart",
        ),
    }
}

fn ready(readiness: &Readiness) -> Response<Full<Bytes>> {
    let status = if readiness.is_ready() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    response(status, "application/json", readiness.report().to_string())
}

async fn cluster(told: &Told) -> Response<Full<Bytes>> {
    let Some(status) = told.status.get() else {
        return text(StatusCode::SERVICE_UNAVAILABLE, "this replica does not serve yet");
    };
    match serde_json::to_string(&status.fleet().await) {
        Ok(facts) => response(StatusCode::OK, "application/json", facts),
        Err(_) => text(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the state of the fleet cannot be written",
        ),
    }
}

fn text(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    response(status, "text/plain; charset=utf-8", format!("{text}\n"))
}

fn response(status: StatusCode, kind: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests;
