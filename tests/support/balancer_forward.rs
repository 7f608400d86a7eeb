//! The way of one request through a balancer: one connection to one replica, for it alone.

use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::{CONNECTION, HeaderName, TE, TRAILER, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, Request, Response, StatusCode, Version};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::balancer_state::{Outcome, Shared, Ticket, path};

/// The body of an answer to a client.
pub(super) type AnswerBody = UnsyncBoxBody<Bytes, hyper::Error>;

/// What belongs to one connection and not to the message, in addition to what `Connection` names.
const OF_THE_CONNECTION: [HeaderName; 6] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// The task that moves the bytes of a connection to a replica; dropping this closes the connection.
pub(super) struct Line(JoinHandle<()>);

/// The body of a replica's answer, which keeps its connection and its record open.
struct Relayed {
    body: Incoming,
    status: StatusCode,
    ticket: Ticket,
    _line: Line,
}

/// Forwards a request; an error makes the server close the client's connection without an answer.
pub(super) async fn forward(
    shared: Arc<Shared>,
    request: Request<Incoming>,
) -> Result<Response<AnswerBody>, hyper::Error> {
    let (mut head, body) = request.into_parts();
    let ticket = Ticket::new(Arc::clone(&shared), &head);
    let Some(stream) = connect(&shared, &ticket).await else {
        ticket.note(Outcome::NoReplica);
        return Ok(nobody());
    };
    head.uri = path(&head).parse().expect("a part of a valid target is valid");
    head.version = Version::HTTP_11;
    strip(&mut head.headers);
    match exchange(stream, Request::from_parts(head, body)).await {
        Ok((answer, line)) => Ok(relay(answer, line, ticket)),
        Err(error) => {
            ticket.note(Outcome::Cut);
            Err(error)
        }
    }
}

/// Connects to the replica whose turn it is, or to the next one while connections are refused.
async fn connect(shared: &Shared, ticket: &Ticket) -> Option<TcpStream> {
    while let Some(replica) = ticket.choose() {
        let address = shared.address(replica);
        if let Ok(Ok(stream)) = timeout(shared.probe_limit, TcpStream::connect(address)).await
            && stream.set_nodelay(true).is_ok()
        {
            ticket.sent_to(replica);
            return Some(stream);
        }
        ticket.refused(replica);
        shared.seen(replica, address, false);
    }
    None
}

/// Sends a request, the only one on its connection, and waits for the head of the answer.
pub(super) async fn exchange<B>(
    stream: TcpStream,
    request: Request<B>,
) -> Result<(Response<Incoming>, Line), hyper::Error>
where
    B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let line = Line(tokio::spawn(async move {
        // A broken connection shows itself where the answer is read.
        let _ = connection.await;
    }));
    let answer = sender.send_request(request).await?;
    Ok((answer, line))
}

fn relay(answer: Response<Incoming>, line: Line, ticket: Ticket) -> Response<AnswerBody> {
    let (mut head, body) = answer.into_parts();
    strip(&mut head.headers);
    head.version = Version::HTTP_11;
    ticket.note(Outcome::Streaming(head.status));
    let relayed = Relayed {
        body,
        status: head.status,
        ticket,
        _line: line,
    };
    relayed.note_end();
    Response::from_parts(head, relayed.boxed_unsync())
}

/// The answer when no replica takes part.
fn nobody() -> Response<AnswerBody> {
    let body = Full::from("no replica takes requests\n").map_err(|never| match never {});
    let mut answer = Response::new(body.boxed_unsync());
    *answer.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    answer
}

/// Removes what concerns only the connection that a message came on. `Host` stays.
fn strip(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named.iter().chain(&OF_THE_CONNECTION) {
        headers.remove(name);
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Relayed {
    /// A body whose length is known is never asked for its end, so its end is noted early.
    fn note_end(&self) {
        if self.body.is_end_stream() {
            self.ticket.note(Outcome::Complete(self.status));
        }
    }
}

impl Body for Relayed {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        match &frame {
            Some(Ok(_)) => self.note_end(),
            Some(Err(_)) => self.ticket.note(Outcome::Cut),
            None => self.ticket.note(Outcome::Complete(self.status)),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
