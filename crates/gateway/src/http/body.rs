//! Response bodies: whole, or a stream of events.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::{Either, Full};
use mcpg_mcp::sse;
use tokio::time::{Instant, Sleep, sleep};

use crate::frames::Frames;
use crate::router::{Call, Output};

/// After so much silence a comment is sent: no proxy on the way takes the connection for dead.
const KEEP_ALIVE_AFTER: Duration = Duration::from_secs(15);

/// The body of every response.
pub(super) type ResponseBody = Either<Full<Bytes>, EventBody>;

/// A stream of events that ends with the last of its sources.
#[derive(Debug)]
pub(crate) struct EventBody {
    /// The event that made the response a stream.
    first: Option<Bytes>,
    sources: Vec<Source>,
    /// When a comment is due, once there was silence.
    silence: Option<Pin<Box<Sleep>>>,
}

/// Where events come from.
#[derive(Debug)]
enum Source {
    /// A call that nobody can come back for.
    Call(Call),
    /// A stream whose events are logged.
    Frames(Frames),
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
        Self {
            first,
            sources: calls.into_iter().map(Source::Call).collect(),
            silence: None,
        }
    }

    /// Sends what comes out of `frames`.
    pub(super) fn of(frames: Frames) -> Self {
        Self::new(&[], Vec::new()).and(frames)
    }

    /// The same with the events of another stream among its own.
    pub(super) fn and(mut self, frames: Frames) -> Self {
        self.sources.push(Source::Frames(frames));
        self
    }

    /// The next event of any source; `None` when all have ended.
    fn poll_sources(&mut self, ctx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let mut at = 0;
        while at < self.sources.len() {
            match self.sources[at].poll_next(ctx) {
                Poll::Ready(Said::Event(event)) => return Poll::Ready(Some(event)),
                Poll::Ready(Said::Last(event)) => {
                    self.sources.swap_remove(at);
                    return Poll::Ready(Some(event));
                }
                // What comes next is the question.
                Poll::Ready(Said::Nothing) => {}
                Poll::Ready(Said::End) => {
                    self.sources.swap_remove(at);
                }
                Poll::Pending => at += 1,
            }
        }
        if self.sources.is_empty() {
            Poll::Ready(None)
        } else {
            Poll::Pending
        }
    }

    fn poll_silence(&mut self, ctx: &mut Context<'_>) -> Poll<()> {
        let silence = self
            .silence
            .get_or_insert_with(|| Box::pin(sleep(KEEP_ALIVE_AFTER)));
        std::task::ready!(silence.as_mut().poll(ctx));
        self.spoke();
        Poll::Ready(())
    }

    fn spoke(&mut self) {
        if let Some(silence) = &mut self.silence {
            silence.as_mut().reset(Instant::now() + KEEP_ALIVE_AFTER);
        }
    }
}

/// What a source says.
enum Said {
    Event(Bytes),
    /// An event after which nothing follows.
    Last(Bytes),
    Nothing,
    End,
}

impl Source {
    fn poll_next(&mut self, ctx: &mut Context<'_>) -> Poll<Said> {
        let frames = match self {
            Self::Frames(frames) => frames,
            Self::Call(call) => {
                return call.poll_next(ctx).map(|output| match output {
                    Some(Output::Stream) => Said::Nothing,
                    Some(Output::Event(message)) => Said::Event(event(&message)),
                    Some(Output::Answer(answer)) => Said::Last(event(&answer.message)),
                    Some(Output::Frames(frames)) => {
                        *self = Self::Frames(frames);
                        Said::Nothing
                    }
                    // Without an answer: cancelled, or its session was closed, or its driver is gone.
                    Some(Output::Cancelled | Output::SessionClosed) | None => Said::End,
                });
            }
        };
        frames
            .poll_next(ctx)
            .map(|frame| frame.map_or(Said::End, Said::Event))
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
        if let Poll::Ready(said) = self.poll_sources(ctx) {
            self.spoke();
            return Poll::Ready(said.map(|event| Ok(Frame::data(event))));
        }
        self.poll_silence(ctx)
            .map(|()| Some(Ok(Frame::data(Bytes::from_static(sse::KEEP_ALIVE)))))
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && self.sources.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use http_body_util::BodyExt;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn u7_silence_is_broken_by_comments() {
        let (sender, frames) = crate::frames::frames();
        let mut body = EventBody::of(frames);
        let mut next = async || body.frame().await.unwrap().unwrap().into_data().unwrap();
        let begun = Instant::now();
        assert_eq!(next().await, sse::KEEP_ALIVE);
        assert_eq!(next().await, sse::KEEP_ALIVE);
        assert_eq!(begun.elapsed(), KEEP_ALIVE_AFTER * 2);
        tokio::time::advance(KEEP_ALIVE_AFTER / 2).await;
        sender.send(Bytes::from_static(b"event")).unwrap();
        assert_eq!(next().await, "event");
        assert_eq!(next().await, sse::KEEP_ALIVE);
        assert_eq!(begun.elapsed(), KEEP_ALIVE_AFTER * 7 / 2);
        drop(sender);
        assert!(body.frame().await.is_none());
    }
}
