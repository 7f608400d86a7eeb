//! Requests whose answer is a stream of events.

use super::super::{Session, UpstreamError, Via};
use super::server::{Events, Reply};
use super::*;

fn session() -> Session {
    Session::new(Some("mine".to_owned()), ProtocolVersion::V2025_11_25)
}

/// A server whose calls are answered by streams that the test writes to.
async fn streaming() -> (Server, mpsc::Receiver<(Received, Events)>) {
    let (opened, streams) = mpsc::channel(8);
    let server = Server::start(move |received| match received.method() {
        "tools/call" | "GET" => {
            let (reply, events) = Reply::stream();
            opened.try_send((received.clone(), events)).unwrap();
            reply
        }
        _ => Reply::status(202),
    })
    .await;
    (server, streams)
}

fn progress(token: &Value, progress: u32) -> Value {
    let params = json!({ "progressToken": token, "progress": progress });
    json!({ "jsonrpc": "2.0", "method": "notifications/progress", "params": params })
}

fn notification(event: Option<Event>) -> (String, Value) {
    match event {
        Some(Event::Pause { retry_ms }) => ("pause".to_owned(), json!(retry_ms)),
        Some(Event::Notification { method, params }) => (method, params.map_or(Value::Null, text)),
        other => panic!("not a notification: {other:?}"),
    }
}

#[tokio::test]
async fn progress_comes_back_with_the_clients_own_token_and_foreign_progress_does_not() {
    let (server, mut streams) = streaming().await;
    let upstream = upstream(server.address);
    let (mut caller, mut heard) = legacy_caller();
    caller.progress_token = Some(raw(&json!(7)));
    let calling = tokio::spawn(async move {
        upstream
            .request(Via::Session(&session()), &call(&json!({})), &caller)
            .await
            .map(text)
    });
    let (sent, events) = streams.recv().await.unwrap();
    let token = &sent.body["params"]["_meta"]["progressToken"];
    events.message(&progress(&json!("other"), 1));
    events.message(&progress(&json!(7), 1));
    events.message(&json!({ "jsonrpc": "2.0", "id": "other", "result": {} }));
    events.message(&progress(token, 2));
    events.message(&sent.result(json!({ "done": true })));
    let (method, params) = notification(heard.recv().await);
    assert_eq!(
        (method.as_str(), params),
        (
            "notifications/progress",
            json!({ "progressToken": 7, "progress": 2 })
        )
    );
    assert_eq!(calling.await.unwrap().unwrap(), json!({ "done": true }));
    assert!(heard.recv().await.is_none());
}

#[tokio::test]
async fn i11_a_question_does_not_hold_up_what_comes_after_it() {
    let (server, mut streams) = streaming().await;
    let upstream = upstream(server.address);
    let (mut caller, mut heard) = legacy_caller();
    caller.progress_token = Some(raw(&json!("p")));
    let calling = tokio::spawn(async move {
        upstream
            .request(Via::Session(&session()), &call(&json!({})), &caller)
            .await
            .map(text)
    });
    let (sent, events) = streams.recv().await.unwrap();
    let ask =
        json!({ "jsonrpc": "2.0", "id": 5, "method": "elicitation/create", "params": { "message": "?" } });
    events.message(&ask);
    events.message(&json!({ "jsonrpc": "2.0", "id": "5", "method": "ping" }));
    events.message(&json!({ "jsonrpc": "2.0", "id": 6, "method": "tools/list" }));
    let Some(Event::Question(question)) = heard.recv().await else {
        panic!("no question")
    };
    assert_eq!(
        (question.method.as_str(), text(question.params.unwrap())),
        ("elicitation/create", json!({ "message": "?" }))
    );
    events.message(&progress(&sent.body["params"]["_meta"]["progressToken"], 1));
    assert_eq!(notification(heard.recv().await).0, "notifications/progress");
    server::eventually("the others are answered", || server.answers().len() == 2).await;
    question
        .answer
        .send(Ok(raw(&json!({ "action": "accept" }))))
        .unwrap();
    server::eventually("the question is answered", || server.answers().len() == 3).await;
    let answers = server.answers();
    let of = |id: Value| {
        answers
            .iter()
            .find(|answer| answer.id() == id)
            .expect("an answer")
    };
    assert_eq!(of(json!("5")).body["result"], json!({}));
    assert_eq!(of(json!(6)).body["error"]["code"], -32601);
    assert_eq!(of(json!(5)).body["result"], json!({ "action": "accept" }));
    assert_eq!(of(json!(5)).session(), Some("mine"));
    events.message(&sent.result(json!({})));
    calling.await.unwrap().unwrap();
}

#[tokio::test]
async fn an_error_of_the_client_and_its_absence_both_reach_the_upstream() {
    let (server, mut streams) = streaming().await;
    let upstream = upstream(server.address);
    let (caller, mut heard) = legacy_caller();
    let calling = tokio::spawn(async move {
        upstream
            .request(Via::Session(&session()), &call(&json!({})), &caller)
            .await
            .map(text)
    });
    let (sent, events) = streams.recv().await.unwrap();
    for id in [1, 2] {
        events.message(&json!({ "jsonrpc": "2.0", "id": id, "method": "roots/list" }));
    }
    let Some(Event::Question(first)) = heard.recv().await else {
        panic!("no question")
    };
    let Some(Event::Question(second)) = heard.recv().await else {
        panic!("no question")
    };
    first
        .answer
        .send(Err(raw(&json!({ "code": -1, "message": "no" }))))
        .unwrap();
    drop(second);
    server::eventually("both are answered", || server.answers().len() == 2).await;
    let codes: Vec<Value> = server
        .answers()
        .iter()
        .map(|answer| answer.body["error"]["code"].clone())
        .collect();
    assert!(
        codes.contains(&json!(-1)) && codes.contains(&json!(-32603)),
        "{codes:?}"
    );
    events.message(&sent.result(json!({})));
    calling.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_question_that_the_upstream_takes_back_is_not_answered() {
    let (server, mut streams) = streaming().await;
    let upstream = upstream(server.address);
    let (caller, mut heard) = legacy_caller();
    let calling = tokio::spawn(async move {
        upstream
            .request(Via::Session(&session()), &call(&json!({})), &caller)
            .await
            .map(text)
    });
    let (sent, events) = streams.recv().await.unwrap();
    events.message(&json!({ "jsonrpc": "2.0", "id": 1, "method": "sampling/createMessage", "params": {} }));
    let Some(Event::Question(mut question)) = heard.recv().await else {
        panic!("no question")
    };
    let params = json!({ "requestId": 1 });
    events.message(&json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": params }));
    question.answer.closed().await;
    events.message(&sent.result(json!({})));
    calling.await.unwrap().unwrap();
    assert_eq!(server.answers().len(), 0);
}

#[tokio::test]
async fn a_stream_that_ends_early_is_resumed_behind_its_last_event() {
    let (server, mut streams) = streaming().await;
    let upstream = upstream(server.address);
    let (mut caller, mut heard) = legacy_caller();
    caller.progress_token = Some(raw(&json!(1)));
    let calling = tokio::spawn(async move {
        upstream
            .request(Via::Session(&session()), &call(&json!({})), &caller)
            .await
            .map(text)
    });
    let (sent, events) = streams.recv().await.unwrap();
    let token = sent.body["params"]["_meta"]["progressToken"].clone();
    events.raw("id: a-1\nretry: 30\ndata:\n\n");
    let closed = std::time::Instant::now();
    drop(events);
    let (resumed, events) = streams.recv().await.unwrap();
    assert!(
        closed.elapsed() >= Duration::from_millis(30),
        "the upstream's pause was not kept"
    );
    assert_eq!(resumed.header("last-event-id"), Some("a-1"));
    assert_eq!(resumed.session(), Some("mine"));
    events.raw(format!("id: a-2\ndata: {}\n\n", progress(&token, 1)));
    let pause = ("pause".to_owned(), json!(30));
    assert_eq!(
        notification(heard.recv().await),
        pause,
        "the client may be let go of too"
    );
    assert_eq!(notification(heard.recv().await).1["progress"], 1);
    drop(events);
    let (resumed, events) = streams.recv().await.unwrap();
    assert_eq!(resumed.header("last-event-id"), Some("a-2"));
    events.message(&sent.result(json!({ "late": true })));
    assert_eq!(calling.await.unwrap().unwrap(), json!({ "late": true }));
    assert_eq!(server.count("tools/call"), 1);
}

#[tokio::test]
async fn i7_a_stream_without_event_ids_is_lost_when_it_ends_early() {
    let (server, mut streams) = streaming().await;
    let upstream = upstream(server.address);
    let (caller, _heard) = legacy_caller();
    let calling = tokio::spawn(async move {
        upstream
            .request(Via::Session(&session()), &call(&json!({})), &caller)
            .await
            .map(text)
    });
    let (_, events) = streams.recv().await.unwrap();
    events.raw("retry: 1\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\"}\n\n");
    drop(events);
    let outcome = calling.await.unwrap();
    assert!(matches!(outcome, Err(UpstreamError::Lost { .. })), "{outcome:?}");
    assert_eq!((server.count("GET"), server.count("tools/call")), (0, 1));
}

#[tokio::test]
async fn resuming_is_given_up_when_the_upstream_refuses_or_never_has_anything() {
    for (status, tries) in [(404, 1), (503, 8)] {
        let server = Server::start(move |received| {
            if received.method() == "GET" {
                return Reply::status(status);
            }
            let (reply, events) = Reply::stream();
            events.raw("id: 1\nretry: 1\ndata:\n\n");
            reply
        })
        .await;
        let upstream = upstream(server.address);
        let (caller, _heard) = legacy_caller();
        let outcome = upstream
            .request(Via::Session(&session()), &call(&json!({})), &caller)
            .await;
        assert!(matches!(outcome, Err(UpstreamError::Lost { .. })), "{outcome:?}");
        assert_eq!(server.count("GET"), tries);
    }
}

#[tokio::test]
async fn an_upstream_that_asks_without_end_is_told_so() {
    let (server, mut streams) = streaming().await;
    let upstream = upstream(server.address);
    let (events, mut heard) = EventSink::new(256);
    let caller = Caller {
        events,
        trace: CallTrace::default(),
        ..legacy_caller().0
    };
    let calling = tokio::spawn(async move {
        upstream
            .request(Via::Session(&session()), &call(&json!({})), &caller)
            .await
            .map(text)
    });
    let (sent, events) = streams.recv().await.unwrap();
    let asked: String = (0..100)
        .map(|id| {
            format!(
                "data: {}\n\n",
                json!({ "jsonrpc": "2.0", "id": id, "method": "roots/list" })
            )
        })
        .collect();
    events.raw(asked);
    server::eventually("the last ones are refused", || server.answers().len() == 36).await;
    assert!(
        server
            .answers()
            .iter()
            .all(|answer| answer.body["error"]["data"]["reason"] == "overloaded")
    );
    events.message(&sent.result(json!({})));
    calling.await.unwrap().unwrap();
    let mut questions = 0;
    while let Some(event) = heard.recv().await {
        questions += usize::from(matches!(event, Event::Question(_)));
    }
    assert_eq!(questions, 64);
}
