//! Accepts connections and serves them until the gateway stops.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use mcpg_config::app::BindAddress;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::drain::Drain;
use super::service::Frontend;

/// The largest head of a request, in bytes; more is answered with 431.
const MAX_HEAD: usize = 64 * 1024;
/// How many header fields a request may have.
const MAX_HEADERS: usize = 128;
/// How long a client may take to send the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// The pause after a failed accept: the usual cause, too many open files, does not go away at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How long a connection without a request stays when the gateway stops: a request may be on its way, and its client has
/// to learn that it was not executed.
const LINGER: Duration = Duration::from_secs(1);

/// A socket that is bound but does not serve yet.
#[derive(Debug)]
pub(crate) struct Listener {
    socket: TcpListener,
}

/// A listener that serves.
#[derive(Debug)]
pub(crate) struct Listening {
    connections: tokio::task::JoinHandle<GracefulShutdown>,
}

impl Listener {
    /// Binds to the first address that the host name stands for.
    ///
    /// # Errors
    /// Why the address cannot be used.
    pub(crate) async fn bind(address: &BindAddress) -> io::Result<Self> {
        let socket = TcpListener::bind((address.host.as_str(), address.port)).await?;
        Ok(Self { socket })
    }

    /// The address that was really bound.
    ///
    /// # Errors
    /// When the operating system does not tell.
    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Serves until `stop`; connections go on after that until [`Listening::finish`].
    pub(crate) fn serve(self, frontend: Arc<Frontend>, stop: CancellationToken) -> Listening {
        Listening {
            connections: tokio::spawn(accept(self.socket, frontend, stop)),
        }
    }
}

impl Listening {
    /// Lets every connection finish the request that it is serving, and closes it. What else arrives is refused.
    pub(crate) async fn finish(self, drain: &Drain) {
        let Ok(graceful) = self.connections.await else {
            return;
        };
        drain.refuse();
        let end = Instant::now() + LINGER;
        while graceful.count() > 0 && Instant::now() < end {
            tokio::time::sleep(LINGER / 50).await;
        }
        graceful.shutdown().await;
    }
}

async fn accept(socket: TcpListener, frontend: Arc<Frontend>, stop: CancellationToken) -> GracefulShutdown {
    let graceful = GracefulShutdown::new();
    while let Some(accepted) = stop.run_until_cancelled(socket.accept()).await {
        match accepted {
            Ok((stream, _)) => serve_connection(stream, Arc::clone(&frontend), &graceful),
            Err(error) => {
                warn!(message = "A connection could not be accepted.", %error);
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    take_the_rest(socket, |stream| {
        serve_connection(stream, Arc::clone(&frontend), &graceful);
    });
    graceful
}

/// Accepts the connections that the kernel has made already; closing the socket would break them.
fn take_the_rest(socket: TcpListener, serve: impl Fn(TcpStream)) {
    let Ok(socket) = socket.into_std() else {
        return;
    };
    while let Ok((stream, _)) = socket.accept() {
        if stream.set_nonblocking(true).is_ok()
            && let Ok(stream) = TcpStream::from_std(stream)
        {
            serve(stream);
        }
    }
}

fn serve_connection(stream: TcpStream, frontend: Arc<Frontend>, graceful: &GracefulShutdown) {
    // Without this, small answers wait for the client's delayed acknowledgements.
    if let Err(error) = stream.set_nodelay(true) {
        debug!(message = "A connection was gone at once.", %error);
        return;
    }
    let service = service_fn(move |request| {
        let frontend = Arc::clone(&frontend);
        async move { Ok::<_, Infallible>(frontend.handle(request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MAX_HEAD)
        .max_headers(MAX_HEADERS)
        .serve_connection(TokioIo::new(stream), service);
    let connection = graceful.watch(connection);
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            // Clients come and go; only a look at single requests needs to know.
            debug!(message = "A connection ended early.", %error);
        }
    });
}
