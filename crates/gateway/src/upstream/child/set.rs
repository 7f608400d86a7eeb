//! The children of one upstream.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use mcpg_mcp::version::ProtocolVersion;
use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::debug;

use super::calls::Child;
use super::held::Held;
use super::life::live;
use super::process::Process;
use super::program::Program;
use super::routes::Routes;
use super::writer;
use crate::mint::Mint;
use crate::process_group::Groups;
use crate::upstream::conversation::Answered;
use crate::upstream::core::Upstream;
use crate::upstream::error::UpstreamError;
use crate::upstream::peer::Peer;
use crate::upstream::sending::Sending;
use crate::upstream::session::{For, Session};
use crate::upstream::settings::Settings;
use crate::upstream::signals::Signals;

/// So many processes of one upstream run on one replica at the most. A process costs tens of megabytes, and without a
/// limit the clients would decide how much of the machine is left.
pub(in crate::upstream) const MOST: usize = 100;

/// The children of one upstream.
pub(in crate::upstream) struct Children {
    program: Arc<Program>,
    mint: Mint,
    signals: Arc<Signals>,
    tasks: TaskTracker,
    /// The largest message that is read.
    limit: usize,
    idle: Duration,
    running: Arc<Mutex<HashMap<String, Arc<Child>>>>,
    groups: Arc<Groups>,
    pub(super) held: Held,
}

impl Children {
    pub(in crate::upstream) fn new(
        program: &Arc<Program>,
        settings: &Settings,
        mint: Mint,
        signals: Arc<Signals>,
        tasks: TaskTracker,
    ) -> Self {
        Self {
            program: Arc::clone(program),
            mint,
            signals,
            tasks,
            limit: settings.max_response_bytes,
            idle: settings.idle,
            running: Arc::default(),
            groups: Arc::default(),
            held: Held::default(),
        }
    }

    /// Starts a process.
    pub(super) fn start(&self, whom: For) -> Result<Arc<Child>, UpstreamError> {
        if self.running.lock().len() >= MOST {
            return Err(UpstreamError::Full { most: MOST });
        }
        let (process, pipes) = Process::start(&self.program, &self.groups)?;
        let (writes, queue) = mpsc::channel(writer::QUEUE);
        let child = Arc::new(Child {
            id: self.mint.text(),
            whom,
            program: Arc::clone(&self.program),
            signals: Arc::clone(&self.signals),
            limit: self.limit,
            routes: Routes::new(),
            writes: Mutex::new(Some(writes)),
            stop: CancellationToken::new(),
            ended: CancellationToken::new(),
        });
        debug!(
            message = "A child process was started.",
            upstream = child.upstream(),
            child = child.id
        );
        self.running.lock().insert(child.id.clone(), Arc::clone(&child));
        let (running, idle) = (Arc::clone(&self.running), self.idle);
        let life = Arc::clone(&child);
        self.tasks.spawn(async move {
            let id = life.id.clone();
            live(life, process, pipes, queue, idle).await;
            running.lock().remove(&id);
        });
        Ok(child)
    }

    fn find(&self, session: &Session) -> Option<Arc<Child>> {
        self.running.lock().get(session.id.as_deref()?).map(Arc::clone)
    }

    /// The child that a message is for.
    fn child_of(&self, peer: Peer<'_>) -> Result<Arc<Child>, UpstreamError> {
        match peer {
            Peer::Legacy(session) => self.find(session).ok_or(UpstreamError::SessionGone),
            Peer::Modern(_) | Peer::Opening => self.held.modern(),
        }
    }

    /// Sends a request and converses until it is answered.
    ///
    /// # Errors
    /// `SessionGone` when the process of the session has not seen the request and never will.
    pub(in crate::upstream) async fn exchange(
        &self,
        upstream: &Upstream,
        peer: Peer<'_>,
        sending: Sending<'_>,
    ) -> Answered {
        let child = self.child_of(peer)?;
        match child.exchange(upstream, peer, sending).await {
            Err(UpstreamError::NotSent { .. }) if matches!(peer, Peer::Legacy(_)) => {
                Err(UpstreamError::SessionGone)
            }
            other => other,
        }
    }

    /// Sends a message that has no answer.
    pub(in crate::upstream) async fn post_message(
        &self,
        peer: Peer<'_>,
        message: Bytes,
    ) -> Result<(), UpstreamError> {
        self.child_of(peer)?.send(message, None).await
    }

    /// Opens a session: `initialize` on a process of its own.
    pub(in crate::upstream) async fn greet(
        &self,
        upstream: &Upstream,
        version: ProtocolVersion,
        whom: For,
        sending: Sending<'_>,
        session: &mut Option<Session>,
    ) -> Answered {
        let child = match whom {
            For::Everybody => self.held.to_greet().map_or_else(|| self.start(whom), Ok)?,
            For::OneClient => self.start(whom)?,
        };
        *session = Some(Session::new(Some(child.id.clone()), version));
        if whom == For::Everybody {
            self.held.greeted(Arc::clone(&child));
        }
        child.exchange(upstream, Peer::Opening, sending).await
    }

    /// Ends the process of a session; the future waits until nothing is left of it.
    pub(in crate::upstream) fn ending(&self, session: &Session) -> impl Future<Output = ()> + Send + use<> {
        let child = self.find(session);
        if let Some(child) = &child {
            child.stop.cancel();
        }
        async move {
            if let Some(child) = child {
                child.ended.cancelled().await;
            }
        }
    }

    /// Whether the process of a session is there.
    pub(in crate::upstream) fn has(&self, session: &Session) -> bool {
        self.find(session)
            .is_some_and(|child| child.routes.cause().is_none())
    }

    /// Ends every process and waits until nothing is left of them.
    pub(in crate::upstream) async fn end_all(&self) {
        let all: Vec<Arc<Child>> = self.running.lock().values().map(Arc::clone).collect();
        for child in &all {
            child.stop.cancel();
        }
        for child in all {
            child.ended.cancelled().await;
        }
    }
}
