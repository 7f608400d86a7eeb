//! The accept loop that the upstream and the proxy share.

use std::error::Error;
use std::io::Write as _;
use std::net::SocketAddr;

use http::{Request, Response};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use crate::failure::{Failure, While as _};

/// Serves HTTP/1.1 on `bind` until the process ends and announces the URL with `path` on standard output.
pub(crate) async fn serve<S, B>(bind: SocketAddr, path: &str, service: S) -> Result<(), Failure>
where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let listener = TcpListener::bind(bind)
        .await
        .attempting(|| format!("binding {bind}"))?;
    let address = listener
        .local_addr()
        .attempting(|| format!("reading the address bound for {bind}"))?;
    writeln!(std::io::stdout(), "listening on http://{address}{path}")
        .attempting(|| "announcing the address".to_owned())?;
    loop {
        let (stream, _) = listener
            .accept()
            .await
            .attempting(|| format!("accepting on {address}"))?;
        stream
            .set_nodelay(true)
            .attempting(|| "setting TCP_NODELAY".to_owned())?;
        let service = service.clone();
        tokio::spawn(async move {
            // A connection that ends in an error is the caller's business: the load counts it.
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}
