//! The sessions that the gateway holds at upstreams on behalf of client sessions.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use mcpg_capabilities::sessions::{SessionError, SessionId, SessionRecord};
use mcpg_mcp::error::ErrorObject;
use mcpg_mcp::object::Object;
use parking_lot::Mutex;
use serde_json::value::{RawValue, to_raw_value};
use tracing::debug;

use super::core::Router;
use super::forward::call_error;
use super::start::{Client, SessionRef};
use crate::exchange::{CallError, Caller, EventSink, Outgoing};
use crate::observe::CallTrace;
use crate::upstream::{ClientProfile, Home, Session, UpstreamError};

type Opening = tokio::sync::Mutex<()>;

/// One opening at a time for each (client session, upstream) on this replica.
#[derive(Debug, Default)]
pub(super) struct Openings {
    running: Mutex<HashMap<(SessionId, usize), Weak<Opening>>>,
}

impl Openings {
    fn of(&self, session: &SessionId, at: usize) -> Arc<Opening> {
        let mut running = self.running.lock();
        running.retain(|_, opening| opening.strong_count() > 0);
        let key = (session.clone(), at);
        if let Some(opening) = running.get(&key).and_then(Weak::upgrade) {
            return opening;
        }
        let opening = Arc::new(Opening::default());
        running.insert(key, Arc::downgrade(&opening));
        opening
    }
}

impl Router {
    /// The session at the upstream `at` that belongs to the client's session, opened where there is none yet or
    /// where it is still the one that turned out to be `gone`.
    pub(super) async fn upstream_session(
        &self,
        at: usize,
        client: &Client,
        gone: Option<&Session>,
    ) -> Result<Session, CallError> {
        let session = client
            .session
            .as_ref()
            .ok_or_else(|| ErrorObject::internal("no client session"))?;
        let name = &self.members[at].0.name;
        if gone.is_none()
            && let Some(known) = recorded(&session.record, name)?
        {
            return Ok(known);
        }
        // Boxed: opening is rare, and its future large.
        Box::pin(self.open_and_record(at, session, client, gone)).await
    }

    async fn open_and_record(
        &self,
        at: usize,
        session: &SessionRef,
        client: &Client,
        gone: Option<&Session>,
    ) -> Result<Session, CallError> {
        let name = &self.members[at].0.name;
        let opening = self.openings.of(&session.id, at);
        let _one_at_a_time = opening.lock().await;
        let record = self.sessions.current(&session.id).await.map_err(session_error)?;
        if let Some(known) = recorded(&record, name)?
            && Some(&known) != gone
        {
            return Ok(known);
        }
        if let Some(gone) = gone {
            return self.reopen(at, session, client, gone).await;
        }
        let fresh = self.open(at, session, &record, client).await?;
        self.record_opened(at, session, fresh, gone).await
    }

    pub(super) async fn open(
        &self,
        at: usize,
        session: &SessionRef,
        record: &SessionRecord,
        client: &Client,
    ) -> Result<Session, CallError> {
        let (federation, upstream) = &self.members[at];
        let profile = ClientProfile {
            version: client.version,
            capabilities: Arc::clone(&record.capabilities),
            client_info: record.client_info.clone(),
        };
        let home = if upstream.is_child() {
            Some(self.home()?)
        } else {
            None
        };
        let opened = upstream.open(&profile).await;
        let mut fresh = opened.map_err(|error| call_error(&federation.name, error, client.version.era()))?;
        fresh.home = home;
        debug!(message = "Opened a session upstream.", upstream = federation.name, session = %session.id);
        if let Some(level) = &record.log_level {
            self.send_level(at, &fresh, level, client).await;
        }
        Ok(fresh)
    }

    /// What ties a session to this replica.
    pub(super) fn home(&self) -> Result<Home, CallError> {
        let owner = self.heads.replica.owner().ok_or_else(|| {
            CallError::NotStarted(
                "this replica has no lease at the moment, so it neither starts nor uses processes".to_owned(),
            )
        })?;
        Ok(Home {
            boot: self.heads.replica.boot().clone(),
            owner,
        })
    }

    /// Writes the opened session into the client session's record; whoever was first wins.
    pub(super) async fn record_opened(
        &self,
        at: usize,
        session: &SessionRef,
        fresh: Session,
        gone: Option<&Session>,
    ) -> Result<Session, CallError> {
        let (federation, upstream) = &self.members[at];
        let raw = to_raw_value(&fresh).map_err(ErrorObject::internal)?;
        // Noted before the record names it: whatever happens next, somebody will close it.
        if let Err(error) = self
            .sessions
            .note_opened(&session.id, &federation.name, &raw)
            .await
        {
            upstream.close(&fresh).await;
            return Err(session_error(error));
        }
        let changed = self
            .sessions
            .change(&session.id, |record| {
                let replace = match record.upstreams.get(&federation.name).map(|known| read(known)) {
                    None => true,
                    Some(known) => known.ok().as_ref() == gone && gone.is_some(),
                };
                if replace {
                    record.upstreams.insert(federation.name.clone(), raw.clone());
                    record.reopening.shift_remove(&federation.name);
                }
                replace
            })
            .await;
        let standing = match changed {
            Ok(record) => recorded(&record, &federation.name)?,
            Err(error) => {
                // The client session is gone or cannot be written: what was opened for it must not stay open.
                upstream.close(&fresh).await;
                return Err(session_error(error));
            }
        };
        match standing {
            Some(standing) if standing != fresh => {
                upstream.close(&fresh).await;
                Ok(standing)
            }
            _ => {
                // What it says outside of calls is read from now on, by this replica or another.
                if let Some(router) = self.me.upgrade() {
                    router.read_unrelated(at, session.id.clone());
                }
                Ok(fresh)
            }
        }
    }

    /// `logging/setLevel`: kept in the session and told to every upstream session that it has.
    pub(super) async fn set_level(
        &self,
        params: &RawValue,
        client: &Client,
    ) -> Result<Box<RawValue>, CallError> {
        let level = Object::parse(params)
            .ok()
            .and_then(|object| object.get_str("level").map(std::borrow::Cow::into_owned))
            .filter(|level| level.parse::<mcpg_mcp::meta::LogLevel>().is_ok())
            .ok_or_else(|| ErrorObject::invalid_params("level is no log level"))?;
        let session = client
            .session
            .as_ref()
            .ok_or_else(|| ErrorObject::internal("no client session"))?;
        let record = self
            .sessions
            .change(&session.id, |record| {
                let changes = record.log_level.as_deref() != Some(&level);
                record.log_level = Some(level.clone());
                changes
            })
            .await
            .map_err(session_error)?;
        for (at, (federation, _)) in self.members.iter().enumerate() {
            if let Some(upstream_session) = recorded(&record, &federation.name)? {
                self.send_level(at, &upstream_session, &level, client).await;
            }
        }
        Ok(super::execute::empty())
    }

    /// Tells an upstream session the client's log level. The gateway filters by itself too, so a failure costs
    /// nothing but messages that are dropped here.
    async fn send_level(&self, at: usize, session: &Session, level: &str, client: &Client) {
        let (federation, upstream) = &self.members[at];
        if !upstream.state().has_logging() {
            return;
        }
        let params = to_raw_value(&serde_json::json!({ "level": level })).ok();
        let outgoing = Outgoing {
            method: "logging/setLevel",
            params,
            name: None,
            parameter_headers: Vec::new(),
        };
        // Nobody listens to events of this exchange.
        let (events, _) = EventSink::new(1);
        let caller = Caller {
            version: client.version,
            capabilities: Arc::clone(&client.capabilities),
            client_info: None,
            log_level: None,
            progress_token: None,
            events,
            trace: CallTrace::default(),
        };
        let sent = tokio::time::timeout(
            self.patience.silence,
            self.request_in(at, client, session, &outgoing, &caller),
        );
        match sent.await {
            Ok(Ok(Ok(_) | Err(UpstreamError::SessionGone)) | Err(_)) => {}
            Ok(Ok(Err(error))) => {
                debug!(message = "An upstream did not take the log level.", upstream = federation.name, %error);
            }
            Err(_) => {
                debug!(
                    message = "An upstream did not take the log level in time.",
                    upstream = federation.name
                );
            }
        }
    }
}

/// The upstream session that a record names, if any.
pub(super) fn recorded(record: &SessionRecord, upstream: &str) -> Result<Option<Session>, ErrorObject> {
    record.upstreams.get(upstream).map(|raw| read(raw)).transpose()
}

fn read(raw: &RawValue) -> Result<Session, ErrorObject> {
    serde_json::from_str(raw.get()).map_err(ErrorObject::internal)
}

/// What a failure of the session directory means inside a call.
pub(super) fn session_error(error: SessionError) -> CallError {
    match error {
        SessionError::Unknown => {
            ErrorObject::internal_with_reason("session_closed", "the session was closed")
        }
        SessionError::Unavailable(_) | SessionError::Indeterminate(_) => {
            return CallError::NotStarted(error.to_string());
        }
        other => ErrorObject::internal_with_reason("coordinator", other.to_string()),
    }
    .into()
}
