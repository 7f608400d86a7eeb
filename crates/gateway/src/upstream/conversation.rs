//! What an upstream says around one request: its answer, notifications, and questions of its own.

use mcpg_mcp::envelope::{Incoming, Message, Notification, Request, Response, parse};
use mcpg_mcp::id::RequestId;
use mcpg_mcp::meta::PROGRESS_TOKEN;
use mcpg_mcp::object::Object;
use serde_json::value::RawValue;
use tracing::debug;

use super::core::Upstream;
use super::error::UpstreamError;
use super::peer::Peer;
use super::questions::{Asked, Questions};
use super::signals::Lists;
use crate::exchange::Caller;

/// How a request ended.
pub(super) type Answered = Result<Box<RawValue>, UpstreamError>;

pub(super) struct Conversation<'a> {
    pub(super) upstream: &'a Upstream,
    pub(super) peer: Peer<'a>,
    /// The id of the request, if there is one: a GET stream belongs to none.
    id: Option<&'a RequestId>,
    /// Who hears about the call; nobody about requests of the gateway itself.
    pub(super) caller: Option<&'a Caller>,
    pub(super) questions: Questions<'a>,
}

impl<'a> Conversation<'a> {
    pub(super) fn new(
        upstream: &'a Upstream,
        peer: Peer<'a>,
        id: Option<&'a RequestId>,
        caller: Option<&'a Caller>,
    ) -> Self {
        Self {
            upstream,
            peer,
            id,
            caller,
            questions: Questions::default(),
        }
    }

    pub(super) fn id(&self) -> Option<&'a RequestId> {
        self.id
    }

    /// Takes in what was received in one piece. `Some` is the answer, after which nothing matters any more.
    ///
    /// # Errors
    /// `Protocol` for what is no JSON-RPC.
    pub(super) async fn hear(&mut self, body: &[u8]) -> Result<Option<Answered>, UpstreamError> {
        let incoming = parse(body).map_err(|invalid| {
            UpstreamError::protocol(format!("the upstream sent no JSON-RPC: {invalid}"))
        })?;
        match incoming {
            Incoming::Single(message) => Ok(self.take(message).await),
            Incoming::Batch(messages) => {
                for message in messages.into_iter().flatten() {
                    if let Some(answer) = self.take(message).await {
                        return Ok(Some(answer));
                    }
                }
                Ok(None)
            }
        }
    }

    async fn take(&mut self, message: Message<'_>) -> Option<Answered> {
        match message {
            Message::Response(response) => return self.response(&response),
            Message::Request(request) => self.question(&request),
            Message::Notification(notification) => self.notification(&notification).await,
        }
        None
    }

    fn response(&self, response: &Response<'_>) -> Option<Answered> {
        // An error without id is about the only request that this can be about.
        let unnamed = response.id.is_none() && self.id.is_some();
        if !unnamed && response.id.as_ref() != self.id {
            debug!(
                message = "An upstream answered a request that was not asked here.",
                upstream = self.upstream.name()
            );
            return None;
        }
        Some(match response.outcome {
            Ok(result) => Ok(result.to_owned()),
            Err(error) => Err(UpstreamError::Rpc(error.to_owned())),
        })
    }

    fn question(&mut self, request: &Request<'_>) {
        if !matches!(self.peer, Peer::Legacy(_)) {
            // A modern server must not ask this way, and there is no way to answer. Before a session is open there
            // is no session to answer in.
            debug!(
                message = "An upstream asked where it may not.",
                upstream = self.upstream.name()
            );
            return;
        }
        let asked = Asked {
            id: request.id.clone(),
            method: request.method.clone().into_owned(),
            params: request.params.map(ToOwned::to_owned),
        };
        self.questions.take(self.upstream, self.peer, self.caller, asked);
    }

    async fn notification(&mut self, notification: &Notification<'_>) {
        let method = notification.method.as_ref();
        let params = match method {
            "notifications/progress" => match self.progress(notification.params) {
                Some(params) => Some(params),
                None => return,
            },
            "notifications/message" | "notifications/elicitation/complete" => {
                notification.params.map(ToOwned::to_owned)
            }
            "notifications/cancelled" => return self.questions.withdraw(notification.params),
            "notifications/resources/updated" => return self.resource_updated(notification.params),
            "notifications/subscriptions/acknowledged" => {
                if let Some(id) = self.id {
                    self.upstream.wanted.acknowledged(id.as_json());
                }
                return;
            }
            _ => return self.upstream.signals.lists_changed(Lists::changed_by(method)),
        };
        if let Some(caller) = self.caller {
            self.questions.during(caller.events.notify(method, params)).await;
        }
    }

    /// Only where the gateway itself listens is an update meant for it.
    fn resource_updated(&self, params: Option<&RawValue>) {
        let is_heard = match self.peer {
            Peer::Legacy(session) => self.upstream.listens_in(session),
            Peer::Modern(_) => self.caller.is_none(),
            Peer::Opening => false,
        };
        let object = params.and_then(|params| Object::parse(params).ok());
        if let Some(uri) = object
            .as_ref()
            .and_then(|params| params.get_str("uri"))
            .filter(|_| is_heard)
        {
            self.upstream.signals.resource_updated(&uri);
        }
    }

    /// Puts the client's own progress token back. Progress of anything else is not passed on.
    fn progress(&self, params: Option<&RawValue>) -> Option<Box<RawValue>> {
        let own = self.caller?.progress_token.as_deref()?;
        let mut object = Object::parse(params?).ok()?;
        let token = RequestId::from_raw(object.get(PROGRESS_TOKEN)?).ok()?;
        if Some(&token) != self.id {
            return None;
        }
        object.set(PROGRESS_TOKEN, own);
        Some(object.to_raw())
    }
}
