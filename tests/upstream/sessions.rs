//! Sessions of legacy clients: the library's own, plus counting and control over their streams.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures_util::{Stream, stream::poll_fn};
use rmcp::{
    model::{ClientJsonRpcMessage, GetExtensions, ServerJsonRpcMessage},
    transport::streamable_http_server::session::{
        ServerSseMessage, SessionId, SessionManager,
        local::{LocalSessionHandle, LocalSessionManager, LocalSessionManagerError, SessionError},
    },
};
use tokio::sync::{
    mpsc::{self, Receiver},
    watch,
};

use crate::{
    listeners::Listeners,
    response_stream::{RETRY, ResponseStream, interleave},
    stats::Stats,
};

/// Messages a stream keeps for a client that comes back, and log messages that wait for one that does not read.
const CHANNEL_CAPACITY: usize = 256;
/// Session manager that counts what it creates and closes.
#[derive(Debug)]
pub(crate) struct CountedSessions {
    inner: LocalSessionManager,
    stats: Arc<Stats>,
    listeners: Arc<Listeners>,
    resumptions: Mutex<HashMap<SessionId, watch::Sender<BTreeSet<u64>>>>,
}

impl CountedSessions {
    /// Creates a manager without sessions.
    pub(crate) fn new(stats: Arc<Stats>, listeners: Arc<Listeners>) -> Self {
        let mut inner = LocalSessionManager::default();
        inner.session_config.channel_capacity = CHANNEL_CAPACITY;
        inner.session_config.keep_alive = None;
        Self {
            inner,
            stats,
            listeners,
            resumptions: Mutex::default(),
        }
    }

    /// Forgets all sessions, as a restart would; returns how many there were.
    pub(crate) async fn forget_all(&self) -> Result<usize, LocalSessionManagerError> {
        let ids: Vec<_> = self.inner.sessions.read().await.keys().cloned().collect();
        for id in &ids {
            self.inner.close_session(id).await?;
            self.forget(id);
        }
        self.stats.sessions_forgotten(ids.len());
        Ok(ids.len())
    }

    /// Closes the stand-alone streams of all sessions; returns how many sessions there are.
    pub(crate) async fn close_standalone_streams(&self) -> Result<usize, SessionError> {
        let handles: Vec<_> = self.inner.sessions.read().await.values().cloned().collect();
        for handle in &handles {
            handle.close_standalone_sse_stream(Some(RETRY)).await?;
        }
        Ok(handles.len())
    }

    /// Returns how many sessions there are.
    pub(crate) async fn active(&self) -> usize {
        self.inner.sessions.read().await.len()
    }

    async fn handle(&self, id: &SessionId) -> Result<LocalSessionHandle, LocalSessionManagerError> {
        let sessions = self.inner.sessions.read().await;
        sessions
            .get(id)
            .cloned()
            .ok_or_else(|| LocalSessionManagerError::SessionNotFound(Arc::clone(id)))
    }

    fn forget(&self, id: &SessionId) {
        self.lock_resumptions().remove(id);
        self.listeners.remove_session(id);
    }

    fn lock_resumptions(&self) -> MutexGuard<'_, HashMap<SessionId, watch::Sender<BTreeSet<u64>>>> {
        self.resumptions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SessionManager for CountedSessions {
    type Error = LocalSessionManagerError;
    type Transport = <LocalSessionManager as SessionManager>::Transport;

    async fn create_session(&self) -> Result<(SessionId, Self::Transport), Self::Error> {
        let (id, transport) = self.inner.create_session().await?;
        self.listeners.add_session(&id);
        self.lock_resumptions()
            .insert(Arc::clone(&id), watch::Sender::default());
        self.stats.session_opened();
        Ok((id, transport))
    }

    async fn initialize_session(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<ServerJsonRpcMessage, Self::Error> {
        self.inner.initialize_session(id, message).await
    }

    async fn has_session(&self, id: &SessionId) -> Result<bool, Self::Error> {
        self.inner.has_session(id).await
    }

    async fn close_session(&self, id: &SessionId) -> Result<(), Self::Error> {
        // The library also calls this after the worker of a session ended, so only the first call counts.
        if self.inner.has_session(id).await? {
            self.stats.session_closed();
        }
        self.forget(id);
        self.inner.close_session(id).await
    }

    async fn create_stream(
        &self,
        id: &SessionId,
        mut message: ClientJsonRpcMessage,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Self::Error> {
        let handle = self.handle(id).await?;
        let receiver = handle.establish_request_wise_channel().await?;
        let resumed = self.lock_resumptions().get(id).map(watch::Sender::subscribe);
        let (notifications, received_notifications) = mpsc::channel(CHANNEL_CAPACITY);
        if let (ClientJsonRpcMessage::Request(request), Some(http_request_id), Some(resumed)) =
            (&mut message, receiver.http_request_id, resumed)
        {
            let stream = ResponseStream {
                handle: handle.clone(),
                http_request_id,
                resumed,
                notifications,
            };
            request.request.extensions_mut().insert(stream);
        }
        handle.push_message(message, receiver.http_request_id).await?;
        Ok(interleave(receiver.inner, received_notifications))
    }

    async fn accept_message(&self, id: &SessionId, message: ClientJsonRpcMessage) -> Result<(), Self::Error> {
        self.inner.accept_message(id, message).await
    }

    async fn create_standalone_stream(
        &self,
        id: &SessionId,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Self::Error> {
        let receiver = self.handle(id).await?.establish_common_channel().await?;
        Ok(stream_of(receiver.inner))
    }

    async fn resume(
        &self,
        id: &SessionId,
        last_event_id: String,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Self::Error> {
        let receiver = self.handle(id).await?.resume(last_event_id.parse()?).await?;
        if let (Some(resumed), Some(http_request_id)) =
            (self.lock_resumptions().get(id), receiver.http_request_id)
        {
            resumed.send_modify(|resumed| {
                resumed.insert(http_request_id);
            });
        }
        Ok(stream_of(receiver.inner))
    }
}

fn stream_of(
    mut receiver: Receiver<ServerSseMessage>,
) -> impl Stream<Item = ServerSseMessage> + Send + Sync + 'static {
    poll_fn(move |context| receiver.poll_recv(context))
}
