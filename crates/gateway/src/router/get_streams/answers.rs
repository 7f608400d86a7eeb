//! A client's answers to questions that belong to no call.

use mcpg_capabilities::calls::Answered;
use mcpg_capabilities::delivery::get::{GetError, SessionQuestion};
use mcpg_capabilities::sessions::SessionError;
use mcpg_mcp::id::RequestId;
use tracing::debug;

use super::super::core::Router;
use super::super::start::SessionRef;
use crate::exchange::Answer;

impl Router {
    /// Takes an answer for the upstream that asked outside of any call. One to a question that was never asked has no
    /// effect.
    ///
    /// # Errors
    /// Why it could not be recorded: then the client must not be told that it was taken.
    pub(in crate::router) async fn answer_outside(
        &self,
        session: &SessionRef,
        question: &RequestId,
        answer: Answer,
    ) -> Result<(), SessionError> {
        let minted = question
            .as_str()
            .and_then(|text| SessionQuestion::verify(&self.heads.mac, &session.id, text));
        let Some(question) = minted else {
            debug!("Ignored an answer to a question that was never asked.");
            return Ok(());
        };
        let name = session.id.name();
        match self.gets.streams.answer(name, question, answer.into()).await {
            Ok(Answered::Taken { owner, version } | Answered::Repeated { owner, version }) => {
                // Who reads the upstream's stream passes it on; a successor of one that is dead finds it there too.
                let boots: Vec<_> = owner.into_iter().collect();
                self.wake_holders(name, &boots, version).await;
                Ok(())
            }
            Ok(Answered::Late | Answered::Unknown) => Ok(()),
            Err(GetError::Unavailable(error)) => Err(SessionError::Unavailable(error)),
            Err(GetError::Indeterminate(error)) => Err(SessionError::Indeterminate(error)),
            Err(other) => Err(SessionError::Broken(other.to_string())),
        }
    }
}
