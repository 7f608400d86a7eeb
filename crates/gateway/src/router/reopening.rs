//! An upstream forgot a session: one replica opens it again, the others wait for that one.
//!
//! Who is to do it is claimed in the client session's record, by compare-and-set. A claim of a replica that died is
//! taken over.

use std::time::Duration;

use mcpg_capabilities::owner::{Judge, OwnerPair};
use mcpg_capabilities::sessions::SessionRecord;
use mcpg_mcp::error::ErrorObject;
use mcpg_metrics::table::TAKE_OVERS;
use tokio::time::sleep;
use tracing::debug;

use super::core::Router;
use super::sessions::{recorded, session_error};
use super::start::{Client, SessionRef};
use crate::exchange::CallError;
use crate::upstream::Session;

/// The pauses between two looks at a session that another replica opens.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// What a look at the record says.
enum Turn {
    /// The session is open again.
    Open(Session),
    /// This replica opens it.
    Mine,
    /// Another replica does.
    Theirs(OwnerPair),
}

impl Router {
    /// Opens the upstream session again that turned out to be `gone`, or waits until another replica has.
    pub(super) async fn reopen(
        &self,
        at: usize,
        session: &SessionRef,
        client: &Client,
        gone: &Session,
    ) -> Result<Session, CallError> {
        let name = &self.members[at].0.name;
        let mut pause = FIRST_PAUSE;
        loop {
            let own = self.heads.replica.owner().ok_or_else(|| {
                CallError::NotStarted("this replica has no lease at the moment and opens nothing".to_owned())
            })?;
            match self.claim(session, name, &own, gone).await? {
                Turn::Open(open) => return Ok(open),
                Turn::Mine => return self.open_claimed(at, session, client, gone).await,
                Turn::Theirs(owner) => self.wait_for(session, name, &owner, &mut pause).await?,
            }
        }
    }

    async fn claim(
        &self,
        session: &SessionRef,
        name: &str,
        own: &OwnerPair,
        gone: &Session,
    ) -> Result<Turn, CallError> {
        let mut problem = None;
        let claimed = self.sessions.change(&session.id, |record| {
            match recorded(record, name) {
                Ok(Some(known)) if known != *gone => return false,
                Ok(_) => {}
                Err(error) => {
                    problem = Some(error);
                    return false;
                }
            }
            let free = record.reopening.get(name).is_none_or(|owner| owner == own);
            if free {
                record.reopening.insert(name.to_owned(), own.clone());
            }
            free
        });
        let record = claimed.await.map_err(session_error)?;
        match problem {
            Some(error) => Err(error.into()),
            None => turn(&record, name, own, gone).map_err(CallError::from),
        }
    }

    async fn open_claimed(
        &self,
        at: usize,
        session: &SessionRef,
        client: &Client,
        gone: &Session,
    ) -> Result<Session, CallError> {
        let record = self.sessions.current(&session.id).await.map_err(session_error)?;
        match self.open(at, session, &record, client).await {
            Ok(fresh) => {
                TAKE_OVERS.count(&["upstream_session"]);
                self.record_opened(at, session, fresh, Some(gone)).await
            }
            Err(error) => {
                let name = &self.members[at].0.name;
                let released = self.sessions.change(&session.id, |record| {
                    record.reopening.shift_remove(name).is_some()
                });
                if let Err(problem) = released.await {
                    debug!(message = "A claim is left for others to take over.", upstream = name, %problem);
                }
                Err(error)
            }
        }
    }

    /// Waits a moment for the replica that opens the session, and takes its claim away when it is dead.
    async fn wait_for(
        &self,
        session: &SessionRef,
        name: &str,
        owner: &OwnerPair,
        pause: &mut Duration,
    ) -> Result<(), CallError> {
        sleep(*pause).await;
        *pause = (*pause * 2).min(LONGEST_PAUSE);
        // Who cannot be judged now is judged in the next round; the call's own time limit ends the waiting.
        if self.heads.replica.is_dead(owner).await.unwrap_or(false) {
            let freed = self.sessions.change(&session.id, |record| {
                record.reopening.get(name) == Some(owner) && record.reopening.shift_remove(name).is_some()
            });
            freed.await.map_err(session_error)?;
        } else {
            // What is remembered here does not show what the other replica writes.
            self.sessions.current(&session.id).await.map_err(session_error)?;
        }
        Ok(())
    }
}

fn turn(record: &SessionRecord, name: &str, own: &OwnerPair, gone: &Session) -> Result<Turn, ErrorObject> {
    if let Some(known) = recorded(record, name)?
        && known != *gone
    {
        return Ok(Turn::Open(known));
    }
    Ok(match record.reopening.get(name) {
        Some(owner) if owner != own => Turn::Theirs(owner.clone()),
        _ => Turn::Mine,
    })
}
