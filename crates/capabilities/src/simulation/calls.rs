//! Calls in these worlds: how an owner runs one, and what everybody was told about it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::value::RawValue;
use tokio::time::sleep;

use super::World;
use super::node::Node;
use crate::calls::{
    Answered, CallKey, CallsError, Cancelled, Ended, Look, Moment, OpenCall, Opened, QuestionAnswer,
    QuestionId, Refused,
};
use crate::mac::MacKey;
use crate::owner::OwnerPair;
use crate::sessions::SessionId;
use crate::testing::tester;

const PAUSE: Duration = Duration::from_millis(100);

/// One call and what was said about it.
#[derive(Clone)]
pub(crate) struct Call {
    world: World,
    pub(crate) key: CallKey,
    said: Arc<Mutex<Said>>,
}

#[derive(Default)]
struct Said {
    /// The response of the upgraded call went out.
    responded: bool,
    /// A cancel was acknowledged that was not too late.
    cancelled: bool,
    /// How many questions the client was asked.
    asked: u64,
    /// The answers that were acknowledged as the first, by number.
    taken: BTreeMap<u64, String>,
    /// The answers that were passed on, by number.
    used: BTreeMap<u64, String>,
}

impl Call {
    pub(crate) fn new(world: &World, id: &str) -> Self {
        let session = SessionId::mint(&MacKey::new([7; 16]), &tester());
        Self {
            world: world.clone(),
            key: CallKey::new(&session, id).expect("a short id"),
            said: Arc::default(),
        }
    }

    /// The same id in the same session once more, as a call of its own.
    pub(crate) fn again(&self) -> Self {
        Self {
            said: Arc::default(),
            ..self.clone()
        }
    }

    /// Runs as the owner: opens the call that started at `started`, however often it takes.
    pub(crate) async fn open(&self, node: &Node, started: Moment) -> Opened {
        let owner = loop {
            match node.fleet.replica().owner() {
                Some(owner) => break owner,
                None => sleep(PAUSE).await,
            }
        };
        let mut opening = node.calls.opening(self.key.clone(), owner, started);
        loop {
            match opening.open().await {
                Ok(opened) => return opened,
                Err(_) => sleep(PAUSE).await,
            }
        }
    }

    /// Runs as the owner: ends the call and sends its response if that is the owner's to do.
    pub(crate) async fn end(&self, node: &Node, mut open: Box<OpenCall>) {
        let ended = loop {
            match open.end().await {
                Ok(ended) => break ended,
                Err(_) => sleep(PAUSE).await,
            }
        };
        self.note(node, &format!("ended: {ended:?}"));
        if ended == Ended::Mine {
            self.said.lock().responded = true;
            self.check();
        }
        open.tidy().await;
    }

    /// Runs as the owner: asks the client something.
    pub(crate) async fn ask(&self, open: &mut OpenCall) -> Result<(), Refused> {
        if let Ok(asked) = open.ask().await {
            self.said.lock().asked = asked?;
        }
        Ok(())
    }

    /// The client was asked something on the stream.
    pub(crate) fn has_asked(&self, number: u64) {
        self.said.lock().asked = number;
    }

    /// How many questions the client was asked.
    pub(crate) fn asked(&self) -> u64 {
        self.said.lock().asked
    }

    /// Runs as the owner: looks at the head and passes answers on. `Err`: the call is no longer the owner's.
    pub(crate) async fn look(&self, node: &Node, open: &mut OpenCall) -> Result<(), Refused> {
        let look = open.look(None).await;
        self.looked(node, look)
    }

    /// Runs as the owner: keeps the head alive and passes answers on.
    pub(crate) async fn keep_alive(
        &self,
        node: &Node,
        open: &mut OpenCall,
        owner: &OwnerPair,
    ) -> Result<(), Refused> {
        let look = open.keep_alive(owner).await;
        self.looked(node, look)
    }

    fn looked(&self, node: &Node, look: Result<Look, CallsError>) -> Result<(), Refused> {
        match look {
            Ok(Look::Runs(answers)) => {
                for (number, answer) in answers {
                    self.uses(node, number, text_of(answer));
                }
                Ok(())
            }
            Ok(Look::Refused(refused)) => Err(refused),
            Ok(Look::Stale) | Err(_) => Ok(()),
        }
    }

    /// An answer is passed on to where the question came from.
    pub(crate) fn uses(&self, node: &Node, number: u64, text: String) {
        self.note(node, &format!("answer {number} is passed on: {text}"));
        let before = self.said.lock().used.insert(number, text);
        if before.is_some() {
            self.world
                .violated(format!("the answer to question {number} was passed on twice"));
        }
        self.check();
    }

    /// Cancels the call at a replica, once.
    pub(crate) async fn cancel(&self, node: &Node) -> Option<Cancelled> {
        let (calls, key) = (node.calls.clone(), self.key.clone());
        let cancelled = node
            .replica
            .run(async move { calls.cancel(&key).await.ok() })
            .await??;
        self.note(node, &format!("cancelled: {cancelled:?}"));
        if cancelled != Cancelled::Finished {
            self.said.lock().cancelled = true;
            self.check();
        }
        Some(cancelled)
    }

    /// Answers a question at a replica, once.
    pub(crate) async fn answer(&self, node: &Node, number: u64, text: &str) -> Option<Answered> {
        let (calls, raw) = (node.calls.clone(), RawValue::from_string(format!("\"{text}\"")));
        let question = QuestionId {
            call: self.key.clone(),
            number,
        };
        let answer = QuestionAnswer::Result(raw.expect("letters in quotes are JSON"));
        let answering = async move { calls.answer(&question, answer).await.ok() };
        let answered = node.replica.run(answering).await??;
        self.note(node, &format!("answered {number}: {answered:?}"));
        if matches!(answered, Answered::Taken { .. }) {
            let before = self.said.lock().taken.insert(number, format!("\"{text}\""));
            if before.is_some() {
                self.world
                    .violated(format!("two answers to question {number} were the first"));
            }
            self.check();
        }
        Some(answered)
    }

    /// Ends the call for a dead owner. `true`: this ended it.
    pub(crate) async fn sweep(&self, node: &Node, owner: &Node) -> bool {
        let (calls, boot) = (node.calls.clone(), owner.boot.clone());
        let sweeping = async move { calls.end_of(&boot, None, 10).await };
        matches!(node.replica.run(sweeping).await, Some(Ok(sweep)) if sweep.ended > 0)
    }

    /// Whether a cancel was acknowledged that was not too late.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.said.lock().cancelled
    }

    /// Whether the response went out.
    pub(crate) fn has_responded(&self) -> bool {
        self.said.lock().responded
    }

    fn check(&self) {
        let said = self.said.lock();
        if said.cancelled && said.responded {
            self.world.violated("a response of a call that was cancelled");
        }
        for (number, used) in &said.used {
            if said.taken.get(number).is_some_and(|taken| taken != used) {
                self.world
                    .violated(format!("another answer to question {number} than the first"));
            }
        }
    }

    fn note(&self, node: &Node, what: &str) {
        let (id, who) = (self.key.id(), Some(node.replica.index()));
        self.world.note(who, &format!("call {id} {what}"));
    }
}

fn text_of(answer: QuestionAnswer) -> String {
    let (Ok(raw) | Err(raw)) = answer.into();
    RawValue::get(&raw).to_owned()
}
