//! Batches, which only revision 2025-03-26 has: several messages in one POST.

use std::future::poll_fn;
use std::task::Poll;

use bytes::Bytes;
use http::{Response, StatusCode};
use mcpg_capabilities::principal::Principal;
use mcpg_mcp::envelope::{InvalidMessage, Message};
use mcpg_mcp::era::{EraHeaders, decide_batch, no_batches};
use mcpg_mcp::error::ErrorObject;
use mcpg_mcp::params::Params;
use mcpg_mcp::version::Era;
use mcpg_mcp::write;

use super::body::{EventBody, ResponseBody, event};
use super::respond;
use super::service::Frontend;
use crate::observe::{Ending, Meter};
use crate::router::{Call, Client, ClientRequest, Output, SessionRef};

/// A message of a batch, and the meter of one that is a request.
type Metered<'a> = (Result<Message<'a>, InvalidMessage>, Option<Meter>);

/// The answers of a batch while they come in.
struct Gathering {
    done: Vec<Bytes>,
    running: Vec<Call>,
}

impl Frontend {
    /// Answers a batch: as one JSON array when every call is quick and quiet, else as a stream.
    pub(super) async fn batch(
        &self,
        principal: &Principal,
        headers: &EraHeaders<'_>,
        messages: Vec<Result<Message<'_>, InvalidMessage>>,
    ) -> Response<ResponseBody> {
        let mut metered: Vec<Metered<'_>> = messages
            .into_iter()
            .map(|message| {
                let meter = match &message {
                    Ok(Message::Request(request)) => {
                        Some(self.meters.begin(&request.method).in_era(Era::Legacy))
                    }
                    _ => None,
                };
                (message, meter)
            })
            .collect();
        match self.take_batch(principal, headers, &mut metered).await {
            Ok(gathering) => self.gather(gathering).await,
            Err(response) => {
                let left = metered.into_iter().filter_map(|(_, meter)| meter);
                left.for_each(|meter| meter.refused(response.status()));
                *response
            }
        }
    }

    /// Starts what the batch asks for. What is left in `messages` was not begun.
    async fn take_batch(
        &self,
        principal: &Principal,
        headers: &EraHeaders<'_>,
        messages: &mut Vec<Metered<'_>>,
    ) -> Result<Gathering, Box<Response<ResponseBody>>> {
        let claimed = decide_batch(headers)
            .map_err(|rejection| Box::new(respond::json(rejection.status, rejection.body())))?;
        let session = self.session_of(principal, claimed).await;
        let session = session.map_err(|refused| Box::new(refused.response(None)))?;
        if !session.version().allows_batches() {
            let refused = respond::error(StatusCode::BAD_REQUEST, None, &no_batches());
            return Err(Box::new(refused));
        }
        let mut gathering = Gathering {
            done: Vec::new(),
            running: Vec::new(),
        };
        messages.reverse();
        while let Some((message, meter)) = messages.pop() {
            self.begin(&session, message, meter, &mut gathering).await?;
        }
        Ok(gathering)
    }

    async fn begin(
        &self,
        session: &SessionRef,
        message: Result<Message<'_>, InvalidMessage>,
        meter: Option<Meter>,
        gathering: &mut Gathering,
    ) -> Result<(), Box<Response<ResponseBody>>> {
        match message {
            Err(invalid) => gathering
                .done
                .push(write::error(invalid.id.as_ref(), &invalid.error)),
            Ok(Message::Request(request)) if request.method == "initialize" => {
                let why = ErrorObject::invalid_request("initialize cannot be part of a batch");
                if let Some(meter) = meter {
                    meter.end(Ending::Error, StatusCode::OK);
                }
                gathering.done.push(write::error(Some(&request.id), &why));
            }
            Ok(Message::Request(request)) => {
                let meter = meter.unwrap_or_else(|| self.meters.begin(&request.method));
                let started = match Params::parse(request.params) {
                    Ok(params) => {
                        let wanted = ClientRequest::of(&request, &params);
                        self.router.start(wanted, Client::of(session.clone()), meter)
                    }
                    Err(error) => {
                        meter.end(Ending::Error, StatusCode::OK);
                        Err(error)
                    }
                };
                match started {
                    Ok(call) => gathering.running.push(call),
                    Err(error) => gathering.done.push(write::error(Some(&request.id), &error)),
                }
            }
            Ok(Message::Notification(notification)) => {
                let taken = self
                    .router
                    .notification(session, &notification.method, notification.params)
                    .await;
                taken.map_err(|problem| Box::new(respond::session_error(&problem, None)))?;
            }
            Ok(Message::Response(response)) => {
                let taken = self.take_response(session, &response).await;
                taken.map_err(|problem| Box::new(respond::session_error(&problem, None)))?;
            }
        }
        Ok(())
    }

    async fn gather(&self, mut gathering: Gathering) -> Response<ResponseBody> {
        while !gathering.running.is_empty() {
            match next(&mut gathering.running).await {
                Some(Output::Answer(answer)) => gathering.done.push(answer.message),
                Some(Output::Stream) => return gathering.into_stream(),
                Some(Output::Event(message)) => {
                    gathering.done.push(message);
                    return gathering.into_stream();
                }
                Some(Output::Frames(frames)) => {
                    return respond::events(gathering.into_body().and(frames));
                }
                // Cancelled, or closed with its session: no entry in the answer.
                Some(Output::Cancelled | Output::SessionClosed) | None => {}
            }
        }
        if gathering.done.is_empty() {
            return respond::empty(StatusCode::ACCEPTED);
        }
        respond::json(StatusCode::OK, write::batch(&gathering.done))
    }
}

impl Gathering {
    fn into_stream(self) -> Response<ResponseBody> {
        respond::events(self.into_body())
    }

    fn into_body(self) -> EventBody {
        let done: Vec<Bytes> = self.done.iter().map(event).collect();
        EventBody::new(&done, self.running)
    }
}

/// The next output of any call; a call that sends its last one is removed.
async fn next(running: &mut Vec<Call>) -> Option<Output> {
    poll_fn(|ctx| {
        for at in 0..running.len() {
            if let Poll::Ready(output) = running[at].poll_next(ctx) {
                if !matches!(output, Some(Output::Event(_) | Output::Stream)) {
                    running.swap_remove(at);
                }
                return Poll::Ready(output);
            }
        }
        Poll::Pending
    })
    .await
}
