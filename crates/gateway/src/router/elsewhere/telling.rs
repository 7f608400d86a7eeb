//! The way from the owner of a process to the replica whose client has asked.

use std::sync::Arc;
use std::time::Duration;

use mcpg_capabilities::mailbox::{Mailbox, Undelivered};
use mcpg_capabilities::owner::BootId;
use tokio::time::{Instant, sleep};
use tracing::debug;

use super::asking::SHORT;
use super::words::{Ended, Reply, SAID, Said, SaidMail, to_bytes};
use crate::exchange::Event;

/// So long it is tried to tell one thing. The asker finds out by itself when this replica is dead.
const LONGEST: Duration = Duration::from_mins(5);
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// What may wait to be told; above it the call itself waits.
const MOST: usize = 64;

/// Nobody listens (any more).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NobodyListens;

/// Where things are told.
#[derive(Clone)]
pub(super) struct Asker {
    pub(super) mailbox: Mailbox,
    pub(super) boot: BootId,
    pub(super) call: Arc<str>,
}

/// What is still to be told, in order.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    items: Vec<Said>,
}

impl Outbox {
    pub(super) fn has_room(&self) -> bool {
        self.items.len() < MOST
    }

    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Adds something. Of progress in a row only the latest is worth telling.
    pub(super) fn push(&mut self, said: Said) {
        if is_progress(&said) && self.items.last().is_some_and(is_progress) {
            self.items.pop();
        }
        self.items.push(said);
    }

    pub(super) fn take(&mut self) -> Vec<Said> {
        std::mem::take(&mut self.items)
    }
}

fn is_progress(said: &Said) -> bool {
    matches!(said, Said::Notification { method, .. } if method == "notifications/progress")
}

/// A notification as it is told; nothing for what means nothing to a process.
pub(super) fn notification(event: Event) -> Result<Option<Said>, crate::exchange::Question> {
    match event {
        Event::Notification { method, params } => Ok(Some(Said::Notification { method, params })),
        Event::Question(question) => Err(question),
        Event::Pause { .. } => Ok(None),
    }
}

impl Asker {
    /// Tells items, of which the first has the number `number`, until they are taken. Returns the number of the next.
    pub(super) async fn tell(&self, mut number: u64, items: Vec<Said>) -> Result<u64, NobodyListens> {
        let together = SaidMail {
            call: self.call.to_string(),
            number,
            items,
        };
        if self.send(&together).await? {
            return Ok(number + 1);
        }
        // Together they are too large for the coordinator; one by one only those are left out that are so alone.
        for item in together.items {
            let ends = matches!(item, Said::Outcome(_));
            let mut mail = SaidMail {
                call: self.call.to_string(),
                number,
                items: vec![item],
            };
            if !self.send(&mail).await? && ends {
                let size = to_bytes(&mail).len();
                mail.items = vec![Said::Outcome(Ended::Invalid(format!(
                    "its result of {size} bytes was read by the replica that runs its process, and is too large for the \
                     coordinator to carry to the one that was asked"
                )))];
                self.send(&mail).await?;
            }
            number += 1;
        }
        Ok(number)
    }

    /// Tells one piece; `false` when it is too large.
    async fn send(&self, mail: &SaidMail) -> Result<bool, NobodyListens> {
        let (body, end) = (to_bytes(mail), Instant::now() + LONGEST);
        let mut pause = FIRST_PAUSE;
        while Instant::now() < end {
            match self.mailbox.request(&self.boot, SAID, body.clone(), SHORT).await {
                Ok(reply) => match serde_json::from_slice(&reply) {
                    Ok(Reply::Accepted) => return Ok(true),
                    Ok(Reply::Busy) => {}
                    Ok(Reply::Gone) | Err(_) => return Err(NobodyListens),
                },
                Err(Undelivered::Broken(why)) => {
                    debug!(message = "Something of a call is too large to be told.", to = %self.boot, why);
                    return Ok(false);
                }
                // Told again under the same number it is taken once.
                Err(error) => {
                    debug!(message = "Something of a call was not told yet.", to = %self.boot, %error);
                }
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        Err(NobodyListens)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(method: &str) -> Said {
        Said::Notification {
            method: method.to_owned(),
            params: None,
        }
    }

    #[test]
    fn of_progress_in_a_row_the_latest_is_told_and_nothing_else_is_left_out() {
        let mut outbox = Outbox::default();
        for method in [
            "notifications/progress",
            "notifications/progress",
            "notifications/message",
            "notifications/message",
            "notifications/progress",
        ] {
            outbox.push(said(method));
        }
        assert_eq!(outbox.take().len(), 4);
        assert!(outbox.is_empty());
    }
}
