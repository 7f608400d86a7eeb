//! How replicas ask each other for their facts.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use mcpg_capabilities::mailbox::{Handled, LookAgain, MailHandler, Note};
use mcpg_capabilities::owner::BootId;

use super::Status;

/// The kind of request that asks a replica for its own facts.
pub(super) const KIND: &str = "status";

/// Answers questions about the status and hands on everything else.
pub(crate) struct StatusMail {
    status: Arc<Status>,
    inner: Arc<dyn MailHandler>,
}

impl StatusMail {
    /// Answers before `inner` is asked.
    pub(crate) fn before(inner: Arc<dyn MailHandler>, status: &Arc<Status>) -> Arc<dyn MailHandler> {
        Arc::new(Self {
            status: Arc::clone(status),
            inner,
        })
    }
}

#[async_trait]
impl MailHandler for StatusMail {
    async fn look(&self, note: &Note) -> Result<(), LookAgain> {
        self.inner.look(note).await
    }

    async fn execute(&self, kind: &str, body: Bytes) -> Handled {
        if kind != KIND {
            return self.inner.execute(kind, body).await;
        }
        match serde_json::to_vec(&self.status.own()) {
            Ok(facts) => Handled::Answered(facts.into()),
            Err(_) => Handled::Refused,
        }
    }

    fn missed_notes(&self) {
        self.inner.missed_notes();
    }

    fn acknowledged(&self, session: &str, boot: &BootId) {
        self.inner.acknowledged(session, boot);
    }
}
