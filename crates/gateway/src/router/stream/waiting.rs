//! What was said on a stream and does not stand in the head yet.

use std::collections::VecDeque;

use bytes::Bytes;
use mcpg_capabilities::calls::Entry;
use serde_json::value::RawValue;
use tokio::sync::oneshot;

use crate::exchange::Answer;

/// How much may wait before the call itself waits. As much as a log holds.
const MOST: usize = 1000;
const MOST_BYTES: usize = 4 * 1024 * 1024;
/// When so much waits for a write, progress gives way to later progress: the head would only be filled with it.
const MANY: usize = 8;

/// Something that was said.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) message: Bytes,
    pub(super) what: What,
    /// Whether it was sent to the client without an id already.
    pub(super) is_sent: bool,
}

#[derive(Debug)]
pub(super) enum What {
    /// How far the call is: only the latest counts.
    Progress,
    Notification,
    /// The question with this number.
    Question(u64),
    Response,
}

/// A question that has no number yet.
#[derive(Debug)]
pub(super) struct Unasked {
    pub(super) method: String,
    pub(super) params: Option<Box<RawValue>>,
    pub(super) answer: oneshot::Sender<Answer>,
}

/// What waits for the head, in the order in which it was said.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    lines: VecDeque<Waits>,
    bytes: usize,
}

#[derive(Debug)]
pub(super) enum Waits {
    Line(Line),
    Question(Unasked),
}

impl Line {
    pub(super) fn new(message: Bytes, what: What) -> Self {
        Self {
            message,
            what,
            is_sent: false,
        }
    }

    /// How it stands in the log; `None` for what is no JSON.
    pub(super) fn entry(&self) -> Option<Entry> {
        let message = serde_json::from_slice::<&RawValue>(&self.message)
            .ok()?
            .to_owned();
        let question = match self.what {
            What::Question(number) => Some(number),
            What::Progress | What::Notification | What::Response => None,
        };
        Some(Entry { message, question })
    }
}

impl Waiting {
    /// Adds something that was said. `replaces` lets progress take the place of progress that nobody has seen.
    pub(super) fn push(&mut self, line: Line, replaces: bool) {
        if replaces && self.lines.len() >= MANY && matches!(line.what, What::Progress) {
            let bytes = &mut self.bytes;
            self.lines.retain(|waits| match waits {
                Waits::Line(old) if matches!(old.what, What::Progress) && !old.is_sent => {
                    *bytes -= old.message.len();
                    false
                }
                _ => true,
            });
        }
        self.bytes += line.message.len();
        self.lines.push_back(Waits::Line(line));
    }

    pub(super) fn push_question(&mut self, question: Unasked) {
        self.bytes += question.size();
        self.lines.push_back(Waits::Question(question));
    }

    pub(super) fn take(&mut self) -> VecDeque<Waits> {
        self.bytes = 0;
        std::mem::take(&mut self.lines)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    pub(super) fn has_room(&self) -> bool {
        self.lines.len() < MOST && self.bytes < MOST_BYTES
    }

    /// Gives up the questions: whoever asked learns that nobody answers.
    pub(super) fn drop_questions(&mut self) {
        self.lines.retain(|waits| matches!(waits, Waits::Line(_)));
    }

    /// What could be sent without standing in the head.
    pub(super) fn unsent(&mut self) -> impl Iterator<Item = &mut Line> {
        self.lines.iter_mut().filter_map(|waits| match waits {
            Waits::Line(line) if !line.is_sent => Some(line),
            Waits::Line(_) | Waits::Question(_) => None,
        })
    }
}

impl Unasked {
    fn size(&self) -> usize {
        self.method.len() + self.params.as_ref().map_or(0, |params| params.get().len())
    }
}
