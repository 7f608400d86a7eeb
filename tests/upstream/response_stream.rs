//! The response stream of one request in a session.

use std::{collections::BTreeSet, task::Poll, time::Duration};

use futures_util::{Stream, stream::poll_fn};
use rmcp::{
    model::{ServerJsonRpcMessage, ServerNotification},
    transport::streamable_http_server::session::{
        ServerSseMessage,
        local::{LocalSessionHandle, SessionError},
    },
};
use tokio::sync::{
    mpsc::{Receiver, Sender},
    watch,
};

/// How long clients are told to wait before they come back to a closed stream.
pub(crate) const RETRY: Duration = Duration::from_millis(200);

/// The response stream of one request, as found among the request's extensions.
#[derive(Clone, Debug)]
pub(crate) struct ResponseStream {
    pub(crate) handle: LocalSessionHandle,
    pub(crate) http_request_id: u64,
    pub(crate) resumed: watch::Receiver<BTreeSet<u64>>,
    pub(crate) notifications: Sender<ServerSseMessage>,
}

impl ResponseStream {
    /// Puts a notification on the stream, ahead of the response; waits while the client does not read.
    ///
    /// The library knows only of progress that it belongs to a request, and would send everything else to the stand-alone stream.
    /// It cannot replay what it did not send, so the event has no id, and it is lost if the client went away.
    pub(crate) async fn notify(&self, notification: ServerNotification) {
        let message = ServerJsonRpcMessage::notification(notification);
        // A client that went away from a stream of a session may come back, so the call goes on.
        let _ = self
            .notifications
            .send(ServerSseMessage::from_message(message))
            .await;
    }

    /// Closes the stream under the client and waits until the client resumed it.
    ///
    /// The library forgets a stream once its response is sent, so the response must not be sent to nobody.
    pub(crate) async fn close_until_resumed(mut self) -> Result<(), SessionError> {
        self.handle
            .close_sse_stream(self.http_request_id, Some(RETRY))
            .await?;
        let waited = self
            .resumed
            .wait_for(|resumed| resumed.contains(&self.http_request_id))
            .await;
        waited
            .map(|_| ())
            .map_err(|_| SessionError::SessionServiceTerminated)
    }
}

/// Streams what the library sends, each of its messages and its end behind the notifications that were there before.
pub(crate) fn interleave(
    mut messages: Receiver<ServerSseMessage>,
    mut notifications: Receiver<ServerSseMessage>,
) -> impl Stream<Item = ServerSseMessage> + Send + Sync + 'static {
    // The library's next message, or its end, held back until the notifications are out.
    let mut held: Option<Option<ServerSseMessage>> = None;
    poll_fn(move |context| {
        if held.is_none()
            && let Poll::Ready(message) = messages.poll_recv(context)
        {
            held = Some(message);
        }
        if held.is_none() {
            return match notifications.poll_recv(context) {
                Poll::Ready(Some(notification)) => Poll::Ready(Some(notification)),
                // The call ended, and the library will send its response.
                Poll::Ready(None) | Poll::Pending => Poll::Pending,
            };
        }
        // Polled, the channel may pretend to be empty to let other tasks run, and a response would overtake what is left.
        match notifications.try_recv() {
            Ok(notification) => Poll::Ready(Some(notification)),
            Err(_) => Poll::Ready(held.take().flatten()),
        }
    })
}

#[cfg(test)]
mod tests {
    use futures_util::{StreamExt as _, poll};
    use tokio::sync::mpsc::channel;

    use super::*;

    fn event(id: &str) -> ServerSseMessage {
        let mut event = ServerSseMessage::default();
        event.event_id = Some(id.to_owned());
        event
    }

    #[tokio::test]
    async fn notifications_come_before_the_response_that_was_sent_after_them() {
        // More than a task may receive in one go.
        const NOTIFICATIONS: usize = 500;
        let (messages, received_messages) = channel(1);
        let (notifications, received_notifications) = channel(NOTIFICATIONS);
        let stream = interleave(received_messages, received_notifications);
        for number in 0..NOTIFICATIONS {
            notifications.send(event(&number.to_string())).await.unwrap();
        }
        messages.send(event("response")).await.unwrap();
        drop(messages);

        let received: Vec<_> = stream.filter_map(async |event| event.event_id).collect().await;

        let mut expected: Vec<_> = (0..NOTIFICATIONS).map(|number| number.to_string()).collect();
        expected.push("response".to_owned());
        assert_eq!(received, expected);
    }

    #[tokio::test]
    async fn a_notification_does_not_wait_for_the_response() {
        let (_messages, received_messages) = channel(1);
        let (notifications, received_notifications) = channel(1);
        let mut stream = Box::pin(interleave(received_messages, received_notifications));
        assert!(poll!(stream.next()).is_pending());
        notifications.send(event("first")).await.unwrap();
        let next = poll!(stream.next());
        assert!(matches!(next, Poll::Ready(Some(event)) if event.event_id.as_deref() == Some("first")));
    }

    #[tokio::test]
    async fn the_stream_stays_open_until_the_library_ends_it() {
        let (messages, received_messages) = channel::<ServerSseMessage>(1);
        let (notifications, received_notifications) = channel(1);
        let mut stream = Box::pin(interleave(received_messages, received_notifications));
        drop(notifications);
        assert!(poll!(stream.next()).is_pending());
        drop(messages);
        assert!(matches!(poll!(stream.next()), Poll::Ready(None)));
    }
}
