//! Who waits for what on a child that many use at once.

use bytes::Bytes;
use indexmap::IndexMap;
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::upstream::session::For;

/// What is said around one exchange and not yet heard; what is above it is left out, so that nobody waits for a slow
/// listener.
const QUEUE: usize = 256;

/// The end of an exchange.
#[derive(Debug)]
pub(super) enum End {
    /// The response, whole.
    Answer(Bytes),
    /// The response is larger than allowed.
    TooLarge,
    /// The child is gone, and why.
    Gone(String),
}

/// The way from the reader to one exchange.
struct Route {
    messages: mpsc::Sender<Bytes>,
    end: oneshot::Sender<End>,
    /// Whether it is a call of a client, who could be asked something.
    is_call: bool,
}

/// What one exchange hears.
pub(super) struct Hearing {
    pub(super) messages: mpsc::Receiver<Bytes>,
    pub(super) end: oneshot::Receiver<End>,
}

/// The exchanges that run on a child, in the order in which they began.
pub(super) struct Routes {
    inner: Mutex<Inner>,
}

struct Inner {
    running: IndexMap<String, Route>,
    last_used: Instant,
    /// Nothing begins any more, and why.
    closed: Option<String>,
}

impl Routes {
    pub(super) fn new() -> Self {
        Self {
            inner: Mutex::new(Inner {
                running: IndexMap::new(),
                last_used: Instant::now(),
                closed: None,
            }),
        }
    }

    /// Opens a way for the exchange with the id `id`, as JSON.
    ///
    /// # Errors
    /// Why nothing begins here any more.
    pub(super) fn open(&self, id: &str, is_call: bool) -> Result<Hearing, String> {
        let (messages, heard) = mpsc::channel(QUEUE);
        let (end, ended) = oneshot::channel();
        let mut inner = self.inner.lock();
        if let Some(cause) = &inner.closed {
            return Err(cause.clone());
        }
        let route = Route {
            messages,
            end,
            is_call,
        };
        inner.running.insert(id.to_owned(), route);
        Ok(Hearing {
            messages: heard,
            end: ended,
        })
    }

    /// Closes the way of an exchange that is over.
    pub(super) fn leave(&self, id: &str) {
        let mut inner = self.inner.lock();
        inner.running.shift_remove(id);
        inner.last_used = Instant::now();
    }

    /// Ends one exchange; `false` where there is none of that id.
    pub(super) fn end(&self, id: &str, end: End) -> bool {
        match self.inner.lock().running.shift_remove(id) {
            // Whoever has left since needs no answer.
            Some(route) => route.end.send(end).is_ok(),
            None => false,
        }
    }

    /// Tells one exchange something; `false` where there is none of that id or it has heard too little so far.
    pub(super) fn tell(&self, id: &str, message: Bytes) -> bool {
        let inner = self.inner.lock();
        inner
            .running
            .get(id)
            .is_some_and(|route| route.messages.try_send(message).is_ok())
    }

    /// Tells every exchange something.
    pub(super) fn tell_all(&self, message: &Bytes) {
        for route in self.inner.lock().running.values() {
            let _ = route.messages.try_send(message.clone());
        }
    }

    /// Tells something to the call that it must be about. What a child says about a call does not name it, so in a child
    /// of many clients it can be told only while one call runs; in a child of one client any of its calls will do, and
    /// the latest is the likeliest.
    pub(super) fn tell_call(&self, whom: For, message: Bytes) -> bool {
        let inner = self.inner.lock();
        let mut calls = inner.running.values().rev().filter(|route| route.is_call);
        match (calls.next(), calls.next()) {
            (Some(latest), other) if other.is_none() || whom == For::OneClient => {
                latest.messages.try_send(message).is_ok()
            }
            _ => false,
        }
    }

    /// The exchanges that run, by their ids.
    pub(super) fn running(&self) -> Vec<String> {
        self.inner.lock().running.keys().cloned().collect()
    }

    /// Whether a call of a client runs.
    pub(super) fn has_calls(&self) -> bool {
        self.inner.lock().running.values().any(|route| route.is_call)
    }

    /// Since when nothing runs; `None` while something does.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        let inner = self.inner.lock();
        inner.running.is_empty().then_some(inner.last_used)
    }

    /// Lets nothing begin any more.
    pub(super) fn close(&self, cause: &str) {
        self.inner.lock().closed.get_or_insert_with(|| cause.to_owned());
    }

    /// Lets nothing begin any more, if nothing runs and nothing began since `since`.
    pub(super) fn close_if_idle(&self, since: Instant, cause: &str) -> bool {
        let mut inner = self.inner.lock();
        let is_idle = inner.running.is_empty() && inner.last_used == since;
        if is_idle {
            inner.closed.get_or_insert_with(|| cause.to_owned());
        }
        is_idle
    }

    /// Why nothing begins any more.
    pub(super) fn cause(&self) -> Option<String> {
        self.inner.lock().closed.clone()
    }

    /// Ends everything that still runs.
    pub(super) fn end_all(&self) {
        let (running, cause) = {
            let mut inner = self.inner.lock();
            let cause = inner.closed.clone().unwrap_or_default();
            (std::mem::take(&mut inner.running), cause)
        };
        for (_, route) in running {
            let _ = route.end.send(End::Gone(cause.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn what_names_no_call_goes_where_it_can_be_meant_only() {
        let routes = Routes::new();
        assert!(!routes.tell_call(For::Everybody, Bytes::from("nobody")));
        let _own = routes.open("0", false).unwrap();
        assert!(!routes.tell_call(For::OneClient, Bytes::from("nobody")));
        let mut first = routes.open("1", true).unwrap();
        assert!(routes.tell_call(For::Everybody, Bytes::from("one")));
        let mut second = routes.open("2", true).unwrap();
        assert!(!routes.tell_call(For::Everybody, Bytes::from("either")));
        assert!(routes.tell_call(For::OneClient, Bytes::from("latest")));
        assert_eq!(first.messages.try_recv().unwrap(), "one");
        assert!(first.messages.try_recv().is_err());
        assert_eq!(second.messages.try_recv().unwrap(), "latest");
    }

    #[test]
    fn a_child_that_ends_tells_everybody_why() {
        let routes = Routes::new();
        let mut waiting = routes.open("1", true).unwrap();
        routes.close("the end");
        assert_eq!(routes.open("2", true).err().unwrap(), "the end");
        routes.close("another end");
        routes.end_all();
        assert!(matches!(waiting.end.try_recv().unwrap(), End::Gone(cause) if cause == "the end"));
    }

    #[tokio::test(start_paused = true)]
    async fn only_what_is_idle_is_closed_for_being_idle() {
        let routes = Routes::new();
        let since = routes.idle_since().unwrap();
        let _hearing = routes.open("1", true).unwrap();
        assert!(routes.idle_since().is_none() && !routes.close_if_idle(since, "idle"));
        tokio::time::advance(std::time::Duration::from_secs(1)).await;
        routes.leave("1");
        assert!(!routes.close_if_idle(since, "idle"), "it was used since");
        assert!(routes.close_if_idle(routes.idle_since().unwrap(), "idle"));
        assert!(routes.open("2", true).is_err());
    }
}
