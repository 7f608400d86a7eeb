//! The side of the replica that runs the process.

use std::pin::{Pin, pin};
use std::sync::Arc;

use bytes::Bytes;
use mcpg_capabilities::mailbox::Handled;
use mcpg_capabilities::sessions::SessionId;
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::telling::{Asker, NobodyListens, Outbox, notification};
use super::words::{
    ANSWER, CALL, CANCEL, CLOSE, CallMail, CancelMail, NOTIFY, Reply, SAID, Said, SessionMail,
};
use crate::exchange::{Caller, Event, EventSink, Outgoing};
use crate::router::core::Router;
use crate::router::drive::EVENT_QUEUE;
use crate::upstream::{Home, Session, Upstream, Via};

type Telling = Pin<Box<dyn Future<Output = Result<u64, NobodyListens>> + Send>>;

/// One call that is executed for another replica.
struct Serving {
    router: Arc<Router>,
    upstream: Arc<Upstream>,
    session: Session,
    /// Who asks.
    from: Home,
    asker: Asker,
}

/// What was said of it and is not told yet.
struct Line {
    asker: Asker,
    outbox: Outbox,
    telling: Option<Telling>,
    /// The number of what is told next.
    number: u64,
    questions: u64,
}

impl Router {
    /// Does what another replica asks for. It never waits for a call.
    pub(in crate::router) async fn do_for_another(self: &Arc<Self>, kind: &str, body: &Bytes) -> Handled {
        let reply = match kind {
            CALL => self.serve(body).await,
            SAID => self.elsewhere.hear_mail(body),
            ANSWER => read(body).map(|mail| self.elsewhere.answer(mail)),
            CANCEL => read(body).map(|mail: CancelMail| {
                self.elsewhere.cancel(&mail.call);
                Reply::Accepted
            }),
            NOTIFY | CLOSE => self.about_session(kind, body),
            _ => None,
        };
        match reply.map(|reply| serde_json::to_vec(&reply)) {
            Some(Ok(reply)) => Handled::Answered(reply.into()),
            _ => {
                debug!(message = "Refused a request of another replica.", kind);
                Handled::Refused
            }
        }
    }

    async fn serve(self: &Arc<Self>, body: &Bytes) -> Option<Reply> {
        let mail: CallMail = read(body)?;
        let at = self.member(&mail.upstream)?;
        let upstream = Arc::clone(&self.members[at].1);
        if !upstream.runs(&mail.session) {
            return Some(Reply::Gone);
        }
        let client = SessionId::from_name(&self.heads.mac, &mail.client)?;
        match self.stands(at, &client, &mail.session).await {
            Ok(true) => {}
            Ok(false) => return Some(Reply::Gone),
            Err(_) => return Some(Reply::Busy),
        }
        let asker = Asker {
            mailbox: self.mailbox.clone(),
            boot: mail.from.boot.clone(),
            call: Arc::from(mail.call.as_str()),
        };
        let (session, from) = (mail.session.clone(), mail.from.clone());
        let (events, hearing) = EventSink::new(EVENT_QUEUE);
        let (outgoing, caller) = mail.into_parts(events)?;
        let Some(cancel) = self.elsewhere.begin(&asker.call) else {
            // Nobody waits for it any more.
            return Some(Reply::Accepted);
        };
        let serving = Serving {
            router: Arc::clone(self),
            upstream,
            session,
            from,
            asker,
        };
        self.calls.spawn(async move {
            serving.run(&outgoing, &caller, hearing, cancel).await;
        });
        Some(Reply::Accepted)
    }

    fn about_session(self: &Arc<Self>, kind: &str, body: &Bytes) -> Option<Reply> {
        let mail: SessionMail = read(body)?;
        let upstream = Arc::clone(&self.members[self.member(&mail.upstream)?].1);
        if !upstream.runs(&mail.session) {
            return Some(Reply::Gone);
        }
        let closes = kind == CLOSE;
        self.tasks.spawn(async move {
            if closes {
                upstream.close(&mail.session).await;
            } else if let Some(method) = &mail.method
                && let Err(error) = upstream.notify(Via::Session(&mail.session), method, None).await
            {
                debug!(message = "An upstream did not take a notification.", upstream = upstream.name(), %error);
            }
        });
        Some(Reply::Accepted)
    }

    fn member(&self, name: &str) -> Option<usize> {
        self.members
            .iter()
            .position(|(federation, _)| federation.name == name)
    }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Option<T> {
    serde_json::from_slice(body).ok()
}

impl Serving {
    /// Executes the call and tells its asker everything, or lets go of it when the asker has.
    async fn run(
        &self,
        outgoing: &Outgoing,
        caller: &Caller,
        mut events: mpsc::Receiver<Event>,
        cancel: CancellationToken,
    ) {
        let mut line = Line::new(&self.asker);
        let via = Via::Session(&self.session);
        {
            let mut death = pin!(self.router.death_of(&self.from));
            let mut work = pin!(self.upstream.request(via, outgoing, caller));
            let mut is_over = false;
            while !(is_over && line.is_done()) {
                line.go_on();
                tokio::select! {
                    // Events first: they were sent before the outcome and must not be overtaken by it.
                    biased;
                    () = cancel.cancelled() => break,
                    // Nobody is left who could tell a client.
                    () = &mut death => break,
                    told = told(&mut line.telling) => if line.told(told).is_err() { break },
                    Some(event) = events.recv(), if line.outbox.has_room() && !is_over => self.take(&mut line, event),
                    result = &mut work, if !is_over => {
                        while let Ok(event) = events.try_recv() {
                            self.take(&mut line, event);
                        }
                        line.outbox.push(Said::Outcome(result.into()));
                        is_over = true;
                    }
                }
            }
        }
        self.router.elsewhere.finish(&self.asker.call);
    }

    fn take(&self, line: &mut Line, event: Event) {
        let said = match notification(event) {
            Ok(Some(said)) => said,
            Ok(None) => return,
            Err(question) => {
                line.questions += 1;
                self.router
                    .elsewhere
                    .ask(&self.asker.call, line.questions, question.answer);
                Said::Question {
                    number: line.questions,
                    method: question.method,
                    params: question.params,
                }
            }
        };
        line.outbox.push(said);
    }
}

async fn told(telling: &mut Option<Telling>) -> Result<u64, NobodyListens> {
    match telling {
        Some(telling) => telling.await,
        None => std::future::pending().await,
    }
}

impl Line {
    fn new(asker: &Asker) -> Self {
        Self {
            asker: asker.clone(),
            outbox: Outbox::default(),
            telling: None,
            number: 1,
            questions: 0,
        }
    }

    /// Tells what has come together, one piece at a time.
    fn go_on(&mut self) {
        if self.telling.is_some() || self.outbox.is_empty() {
            return;
        }
        let (asker, number, items) = (self.asker.clone(), self.number, self.outbox.take());
        self.telling = Some(Box::pin(async move { asker.tell(number, items).await }));
    }

    fn told(&mut self, told: Result<u64, NobodyListens>) -> Result<(), NobodyListens> {
        self.telling = None;
        self.number = told?;
        Ok(())
    }

    fn is_done(&self) -> bool {
        self.telling.is_none() && self.outbox.is_empty()
    }
}
