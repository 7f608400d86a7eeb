#![allow(clippy::unwrap_used)]

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use mcpg_capabilities::mac::MacKey;
use serde_json::Value;
use tokio::sync::mpsc;

use super::*;
use crate::exchange::{EventSink, NoAnswer};

const SILENCE: Duration = Duration::from_secs(30);
const QUESTION: Duration = Duration::from_secs(900);

/// A driver with both its ends in hand.
struct Rig {
    driver: Driver,
    events: mpsc::Receiver<Event>,
    controls: mpsc::Receiver<Control>,
    outputs: mpsc::Receiver<Output>,
    sink: EventSink,
    live: Arc<LiveCalls>,
    session: SessionId,
}

fn rig(disconnect: Disconnect) -> Rig {
    let (output, outputs) = mpsc::channel(EVENT_QUEUE);
    let (control, controls) = mpsc::channel(16);
    let (sink, events) = EventSink::new(EVENT_QUEUE);
    let live = Arc::new(LiveCalls::default());
    let session = SessionId::mint(&MacKey::new([1; 16]));
    let id = RequestId::from_number(1);
    assert!(live.begin(&session, &id, control.clone()));
    let driver = Driver {
        id,
        session: Some((session.clone(), control)),
        live: Arc::clone(&live),
        mint: Mint::new("boot"),
        patience: Patience {
            silence: SILENCE,
            question: QUESTION,
        },
        disconnect,
        capabilities: raw(r#"{"elicitation":{}}"#).into(),
        log_level: LogFilter::From(LogLevel::Warning),
        output,
    };
    Rig {
        driver,
        events,
        controls,
        outputs,
        sink,
        live,
        session,
    }
}

async fn drive(
    driver: Driver,
    call: impl Future<Output = Outcome> + Send,
    events: mpsc::Receiver<Event>,
    controls: mpsc::Receiver<Control>,
) {
    let decided = driver.run(std::pin::pin!(call), events, Some(controls)).await;
    decided.tell().await;
}

fn raw(json: &str) -> Box<RawValue> {
    RawValue::from_string(json.to_owned()).unwrap()
}

fn message(output: Option<Output>) -> Value {
    match output {
        Some(Output::Event(message)) => serde_json::from_slice(&message).unwrap(),
        Some(Output::Answer(answer)) => serde_json::from_slice(&answer.message).unwrap(),
        other => panic!("{other:?}"),
    }
}

/// Sets its flag when it is dropped before it was told not to.
struct Guard(Arc<std::sync::atomic::AtomicBool>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.store(true, std::sync::atomic::Ordering::SeqCst);
    }
}

#[tokio::test(start_paused = true)]
async fn events_come_before_the_only_answer_and_log_messages_are_filtered() {
    let Rig {
        driver,
        events,
        controls,
        mut outputs,
        sink,
        ..
    } = rig(Disconnect::RunOn);
    let call = async move {
        sink.notify(
            "notifications/message",
            Some(raw(r#"{"level":"info","data":"no"}"#)),
        )
        .await;
        sink.notify(
            "notifications/message",
            Some(raw(r#"{"level":"error","data":"yes"}"#)),
        )
        .await;
        sink.notify("notifications/progress", Some(raw(r#"{"progress":1}"#)))
            .await;
        Ok(raw(r#"{"done":true}"#))
    };
    drive(driver, call, events, controls).await;
    assert_eq!(message(outputs.recv().await)["params"]["data"], "yes");
    assert_eq!(message(outputs.recv().await)["params"]["progress"], 1);
    assert_eq!(message(outputs.recv().await)["result"]["done"], true);
    assert!(outputs.recv().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn silence_ends_a_call_with_a_timeout_and_lets_go_of_its_future() {
    let Rig {
        driver,
        events,
        controls,
        mut outputs,
        sink,
        ..
    } = rig(Disconnect::RunOn);
    let dropped = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let guard = Guard(Arc::clone(&dropped));
    let started = Instant::now();
    let call = async move {
        let _guard = guard;
        tokio::time::sleep(SILENCE - Duration::from_secs(1)).await;
        // A sign of life: from here on the silence counts anew.
        sink.notify("notifications/progress", None).await;
        pending().await
    };
    drive(driver, call, events, controls).await;
    assert_eq!(message(outputs.recv().await)["method"], "notifications/progress");
    let answer = message(outputs.recv().await);
    assert_eq!(answer["error"]["data"]["reason"], "timeout", "{answer}");
    assert_eq!(started.elapsed(), SILENCE * 2 - Duration::from_secs(1));
    assert!(dropped.load(std::sync::atomic::Ordering::SeqCst));
}

#[tokio::test(start_paused = true)]
async fn a_cancel_ends_a_call_without_an_answer() {
    let Rig {
        driver,
        events,
        controls,
        mut outputs,
        live,
        session,
        ..
    } = rig(Disconnect::RunOn);
    let control = live.find(&session, &RequestId::from_number(1)).unwrap();
    control.send(Control::Cancel).await.unwrap();
    drive(driver, pending(), events, controls).await;
    assert!(matches!(outputs.recv().await, Some(Output::Cancelled)));
    assert!(live.find(&session, &RequestId::from_number(1)).is_none());
}

#[tokio::test(start_paused = true)]
async fn a_question_is_answered_once_and_stops_the_clock_meanwhile() {
    let Rig {
        driver,
        events,
        controls,
        mut outputs,
        sink,
        live,
        session,
        ..
    } = rig(Disconnect::RunOn);
    let call = async move {
        let answer = sink
            .ask("elicitation/create", Some(raw(r#"{"message":"?"}"#)))
            .await
            .unwrap();
        Ok(answer.unwrap())
    };
    let running = tokio::spawn(drive(driver, call, events, controls));
    let question = message(outputs.recv().await);
    let id = RequestId::from_json(&question["id"].to_string()).unwrap();
    tokio::time::sleep(SILENCE * 3).await;
    let stranger = SessionId::mint(&MacKey::new([1; 16]));
    assert!(
        live.take_question(&stranger, &id).is_none(),
        "another session's question is not found"
    );
    let control = live.take_question(&session, &id).unwrap();
    assert!(
        live.take_question(&session, &id).is_none(),
        "a second answer finds nothing"
    );
    control
        .send(Control::Answer(id, Ok(raw(r#"{"action":"accept"}"#))))
        .await
        .unwrap();
    assert_eq!(message(outputs.recv().await)["result"]["action"], "accept");
    running.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_the_client_did_not_declare_is_refused_without_asking_it() {
    let Rig {
        driver,
        events,
        controls,
        mut outputs,
        sink,
        ..
    } = rig(Disconnect::RunOn);
    let call = async move {
        let refused = sink
            .ask("sampling/createMessage", None)
            .await
            .unwrap()
            .unwrap_err();
        Err(CallError::Answered(refused))
    };
    drive(driver, call, events, controls).await;
    assert_eq!(message(outputs.recv().await)["error"]["code"], -32601);
}

#[tokio::test(start_paused = true)]
async fn a_lost_legacy_client_costs_the_stream_and_not_the_call() {
    let Rig {
        driver,
        events,
        controls,
        outputs,
        sink,
        ..
    } = rig(Disconnect::RunOn);
    drop(outputs);
    let (finished, finish) = oneshot::channel();
    let call = async move {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let nobody = sink.ask("elicitation/create", None).await;
        finished.send(nobody.unwrap_err()).unwrap();
        Ok(raw("{}"))
    };
    drive(driver, call, events, controls).await;
    assert_eq!(finish.await.unwrap(), NoAnswer);
}

#[tokio::test(start_paused = true)]
async fn a_lost_modern_client_is_a_cancel() {
    let Rig {
        driver,
        events,
        controls,
        outputs,
        ..
    } = rig(Disconnect::Cancel);
    let dropped = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let guard = Guard(Arc::clone(&dropped));
    drop(outputs);
    let call = async move {
        let _guard = guard;
        pending().await
    };
    drive(driver, call, events, controls).await;
    assert!(dropped.load(std::sync::atomic::Ordering::SeqCst));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_stops_reading_is_given_up_and_the_call_ends_all_the_same() {
    let Rig {
        driver,
        events,
        controls,
        outputs,
        sink,
        ..
    } = rig(Disconnect::RunOn);
    let call = async move {
        for _ in 0..EVENT_QUEUE * 3 {
            sink.notify("notifications/progress", None).await;
        }
        Ok(raw("{}"))
    };
    drive(driver, call, events, controls).await;
    assert_eq!(outputs.len(), EVENT_QUEUE);
}

#[test]
fn one_id_runs_once_in_a_session() {
    let live = LiveCalls::default();
    let key = MacKey::new([1; 16]);
    let (a, b) = (SessionId::mint(&key), SessionId::mint(&key));
    let (control, _controls) = mpsc::channel(1);
    let (number, text) = (RequestId::from_number(1), RequestId::from("1"));
    assert!(live.begin(&a, &number, control.clone()));
    assert!(!live.begin(&a, &number, control.clone()));
    assert!(live.begin(&a, &text, control.clone()), "1 and \"1\" are two ids");
    assert!(
        live.begin(&b, &number, control.clone()),
        "another session has its own ids"
    );
    live.end(&a, &number);
    assert!(live.begin(&a, &number, control));
    assert_eq!(live.of_session(&a).len(), 2);
}
