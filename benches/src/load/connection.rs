//! One keep-alive HTTP/1.1 connection without a pool around it.

use http::header::HOST;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::failure::{Failure, While as _};

/// A connection that carries one request at a time.
#[derive(Debug)]
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    path: Uri,
    host: HeaderValue,
}

/// A whole response.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Connection {
    pub(crate) async fn open(url: &Uri) -> Result<Self, Failure> {
        let authority = url
            .authority()
            .ok_or_else(|| Failure::new(format!("{url} names no host and port")))?;
        let address = (authority.host(), authority.port_u16().unwrap_or(80));
        let stream = TcpStream::connect(address)
            .await
            .attempting(|| format!("connecting to {authority}"))?;
        stream
            .set_nodelay(true)
            .attempting(|| "setting TCP_NODELAY".to_owned())?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .attempting(|| format!("speaking HTTP with {authority}"))?;
        // The sender learns of every error of the connection, so nobody has to read it here.
        tokio::spawn(connection);
        let path = url.path_and_query().map_or("/", |path| path.as_str());
        Ok(Self {
            sender,
            path: path.parse().attempting(|| format!("the path of {url}"))?,
            host: HeaderValue::from_str(authority.as_str()).attempting(|| format!("the host of {url}"))?,
        })
    }

    /// Sends one request and reads its response to the end.
    pub(crate) async fn send(
        &mut self,
        method: Method,
        headers: &HeaderMap,
        body: Bytes,
    ) -> Result<Reply, Failure> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = self.path.clone();
        *request.headers_mut() = headers.clone();
        request.headers_mut().insert(HOST, self.host.clone());
        let attempt = || format!("sending to {}", self.path);
        self.sender.ready().await.attempting(attempt)?;
        let response = self
            .sender
            .send_request(request)
            .await
            .attempting(|| format!("sending to {}", self.path))?;
        let (parts, body) = response.into_parts();
        let body = body
            .collect()
            .await
            .attempting(|| format!("reading the response from {}", self.path))?;
        Ok(Reply {
            status: parts.status,
            headers: parts.headers,
            body: body.to_bytes(),
        })
    }
}
