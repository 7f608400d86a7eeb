//! Batches, which only revision 2025-03-26 has: several messages in one line.

use bytes::Bytes;
use futures_util::future::join_all;
use http::StatusCode;
use mcpg_mcp::envelope::{InvalidMessage, Message, Request};
use mcpg_mcp::era::no_batches;
use mcpg_mcp::error::ErrorObject;
use mcpg_mcp::id::RequestId;
use mcpg_mcp::version::Era;
use mcpg_mcp::write;

use super::pipe::{Pipe, Step};
use super::running::follow;
use super::serve::Lost;
use crate::observe::Ending;
use crate::router::Call;

impl Pipe {
    /// Takes a batch; its answers come together in one line.
    ///
    /// # Errors
    /// When the session of the pipe is gone.
    pub(super) async fn batch(
        &mut self,
        messages: Vec<Result<Message<'_>, InvalidMessage>>,
    ) -> Result<(), Lost> {
        if !self.allows_batches().await? {
            for request in messages.iter().flatten().filter_map(request) {
                let meter = self.router.meters.begin(&request.method);
                meter.in_era(Era::Legacy).refused(StatusCode::BAD_REQUEST);
            }
            self.output.say(write::error(None, &no_batches())).await;
            return Ok(());
        }
        let mut done: Vec<Bytes> = Vec::new();
        let mut running: Vec<(RequestId, Call)> = Vec::new();
        for message in messages {
            match message {
                Err(invalid) => done.push(write::error(invalid.id.as_ref(), &invalid.error)),
                Ok(Message::Request(request)) if request.method == "initialize" => {
                    let why = ErrorObject::invalid_request("initialize cannot be part of a batch");
                    let meter = self.router.meters.begin(&request.method);
                    meter.in_era(Era::Legacy).end(Ending::Error, StatusCode::OK);
                    done.push(write::error(Some(&request.id), &why));
                }
                Ok(Message::Request(request)) => match self.request(&request).await? {
                    Step::Say(answer) => done.push(answer),
                    Step::Run(call) | Step::RunModern(call) => running.push((request.id, call)),
                },
                Ok(Message::Notification(notification)) => self.notification(&notification).await?,
                Ok(Message::Response(response)) => self.response(&response).await?,
            }
        }
        let output = self.output.clone();
        self.running.spawn(async move {
            let following = running.iter_mut().map(|(id, call)| follow(id, call, &output));
            done.extend(join_all(following).await.into_iter().flatten());
            if !done.is_empty() {
                output.say(write::batch(&done)).await;
            }
        });
        Ok(())
    }
}

fn request<'m, 'a>(message: &'m Message<'a>) -> Option<&'m Request<'a>> {
    match message {
        Message::Request(request) => Some(request),
        Message::Notification(_) | Message::Response(_) => None,
    }
}
