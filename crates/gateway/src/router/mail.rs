//! What other replicas tell this one.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use mcpg_capabilities::calls::CallKey;
use mcpg_capabilities::delivery::get;
use mcpg_capabilities::levels::wants_at;
use mcpg_capabilities::mailbox::{Handled, LookAgain, MailHandler, Note};
use mcpg_capabilities::owner::BootId;
use mcpg_capabilities::view::View;
use tracing::debug;

use super::core::Router;

/// Receives the mail of this replica.
pub(crate) struct Mail {
    router: Arc<Router>,
    view: Arc<View>,
}

impl Mail {
    pub(crate) fn new(router: Arc<Router>, view: Arc<View>) -> Self {
        Self { router, view }
    }
}

#[async_trait]
impl MailHandler for Mail {
    /// The call itself reads its head. One that ended here meanwhile has seen it at its end.
    async fn look(&self, note: &Note) -> Result<(), LookAgain> {
        match self.router.subscriptions.look(&note.at).await {
            Ok(true) => return Ok(()),
            Ok(false) => {}
            Err(error) => {
                debug!(message = "A subscription is looked at later.", %error);
                return Err(LookAgain);
            }
        }
        if let Some(session) = wants_at(&note.at) {
            self.router.look_at_wants(session);
            return Ok(());
        }
        match CallKey::from_head(&note.at) {
            Some(call) => self.router.look_at(&call, Some(note.version)).await,
            None => match get::session_at(&note.at) {
                Some(session) => self.router.look_at_streams(session, Some(note.version)).await,
                None => debug!(message = "Ignored a note about something unknown.", at = %note.at),
            },
        }
        Ok(())
    }

    fn missed_notes(&self) {
        self.router.look_at_all();
        self.router.look_at_all_streams();
        self.router.look_at_all_wants();
    }

    /// What is asked for concerns child processes, which only one replica can reach.
    async fn execute(&self, kind: &str, body: Bytes) -> Handled {
        self.router.do_for_another(kind, &body).await
    }

    fn acknowledged(&self, session: &str, boot: &BootId) {
        self.view.acknowledged(session, boot.clone());
    }
}
