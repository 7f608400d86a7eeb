//! Response bodies: whole, or a stream of events.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::{Either, Full};
use mcpg_mcp::sse;

use crate::router::{Call, Output};

/// The body of every response.
pub(super) type ResponseBody = Either<Full<Bytes>, EventBody>;

/// A stream of events that ends after the last answer.
#[derive(Debug)]
pub(crate) struct EventBody {
    /// The event that made the response a stream.
    first: Option<Bytes>,
    calls: Vec<Call>,
}

impl EventBody {
    /// Starts with `first` and goes on with what the calls send, until each of them has ended.
    pub(super) fn new(first: &[Bytes], mut calls: Vec<Call>) -> Self {
        // Events must flow to the executor's end even while the client's connection takes no more bytes.
        calls.iter_mut().for_each(Call::run_on);
        let first = if first.is_empty() {
            None
        } else {
            Some(first.concat().into())
        };
        Self { first, calls }
    }
}

/// One message as an event.
pub(super) fn event(message: &Bytes) -> Bytes {
    sse::encode(&sse::Event::message(message.clone()))
}

impl Body for EventBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        ctx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(Frame::data(first))));
        }
        let mut at = 0;
        while at < self.calls.len() {
            match self.calls[at].poll_next(ctx) {
                // It is one already; what comes next is the question.
                Poll::Ready(Some(Output::Stream)) => {}
                Poll::Ready(Some(Output::Event(message))) => {
                    return Poll::Ready(Some(Ok(Frame::data(event(&message)))));
                }
                Poll::Ready(Some(Output::Answer(answer))) => {
                    self.calls.swap_remove(at);
                    return Poll::Ready(Some(Ok(Frame::data(event(&answer.message)))));
                }
                // Without an answer: cancelled, or its session was closed, or its driver is gone.
                Poll::Ready(_) => {
                    self.calls.swap_remove(at);
                }
                Poll::Pending => at += 1,
            }
        }
        if self.calls.is_empty() {
            Poll::Ready(None)
        } else {
            Poll::Pending
        }
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && self.calls.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}
