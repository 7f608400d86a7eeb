#![allow(clippy::unwrap_used)]

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use mcpg_capabilities::calls::{Answered, CallKey, Cancelled, QuestionId};
use mcpg_capabilities::mac::MacKey;
use mcpg_mcp::meta::LogLevel;
use mcpg_mcp::version::Era;
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::*;
use crate::exchange::{CallError, EventSink, NoAnswer};
use crate::observe::Meters;
use crate::router::testing::{IDLE, TestReplica, p, raw};

mod streaming;

const UPGRADE: Duration = Duration::from_millis(250);
const SILENCE: Duration = Duration::from_secs(30);
const QUESTION: Duration = IDLE;

/// A driver with both its ends in hand.
struct Rig {
    driver: Driver,
    events: mpsc::Receiver<Event>,
    controls: mpsc::Receiver<Control>,
    outputs: mpsc::Receiver<Output>,
    sink: EventSink,
    live: Arc<LiveCalls>,
    session: SessionId,
    replica: TestReplica,
}

async fn rig(disconnect: Disconnect) -> Rig {
    let replica = TestReplica::start().await;
    let (output, outputs) = mpsc::channel(EVENT_QUEUE);
    let (control, controls) = mpsc::channel(16);
    let (sink, events) = EventSink::new(EVENT_QUEUE);
    let live = Arc::new(LiveCalls::default());
    let session = replica.session.clone();
    let id = RequestId::from_number(1);
    assert!(live.begin(&session, &id, control));
    let key = CallKey::new(&session, id.as_json()).unwrap();
    let driver = Driver {
        id,
        session: Some(InSession {
            id: session.clone(),
            sessions: Arc::clone(&replica.sessions),
            head: CallHead::new(&replica.heads, key),
            streams: None,
            places: true,
            level_may_be_old: false,
        }),
        live: Arc::clone(&live),
        patience: Patience {
            upgrade: UPGRADE,
            silence: SILENCE,
            question: QUESTION,
        },
        disconnect,
        capabilities: raw(r#"{"elicitation":{}}"#).into(),
        audit: None,
        log_level: LogFilter::From(LogLevel::Warning),
        output,
        meter: Meters::new(false).begin("tools/call").in_era(Era::Legacy),
    };
    Rig {
        driver,
        events,
        controls,
        outputs,
        sink,
        live,
        session,
        replica,
    }
}

/// What comes after the response has become a stream.
async fn streamed(outputs: &mut mpsc::Receiver<Output>) -> Option<Output> {
    match outputs.recv().await {
        Some(Output::Stream) => outputs.recv().await,
        other => panic!("{other:?}"),
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
    } = rig(Disconnect::RunOn).await;
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
    assert_eq!(message(streamed(&mut outputs).await)["params"]["data"], "yes");
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
    } = rig(Disconnect::RunOn).await;
    let dropped = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let guard = Guard(Arc::clone(&dropped));
    let started = Instant::now();
    let call = async move {
        let _guard = guard;
        sleep(SILENCE - Duration::from_secs(1)).await;
        // A sign of life: from here on the silence counts anew.
        sink.notify("notifications/progress", None).await;
        pending().await
    };
    drive(driver, call, events, controls).await;
    let progress = message(streamed(&mut outputs).await);
    assert_eq!(progress["method"], "notifications/progress");
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
    } = rig(Disconnect::RunOn).await;
    let control = live.find(session.name(), &RequestId::from_number(1)).unwrap();
    let (taken, is_taken) = oneshot::channel();
    control.send(Control::Cancel(taken)).await.unwrap();
    drive(driver, pending(), events, controls).await;
    assert!(is_taken.await.unwrap());
    assert!(matches!(outputs.recv().await, Some(Output::Cancelled)));
    assert!(live.find(session.name(), &RequestId::from_number(1)).is_none());
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
        replica,
    } = rig(Disconnect::RunOn).await;
    let call = async move {
        let answer = sink
            .ask("elicitation/create", Some(raw(r#"{"message":"?"}"#)))
            .await
            .unwrap();
        Ok(answer.unwrap())
    };
    let running = tokio::spawn(drive(driver, call, events, controls));
    let question = message(streamed(&mut outputs).await);
    let id = question["id"].as_str().unwrap();
    sleep(SILENCE * 3).await;
    let (mac, calls) = (&replica.heads.mac, &replica.heads.calls);
    let stranger = SessionId::mint(mac, &p());
    assert!(
        QuestionId::verify(mac, &stranger, id).is_none(),
        "of another session"
    );
    let id = QuestionId::verify(mac, &session, id).unwrap();
    let answer = |text: &str| Ok::<_, Box<RawValue>>(raw(text)).into();
    let taken = calls.answer(&id, answer(r#"{"action":"accept"}"#)).await.unwrap();
    let second = calls
        .answer(&id, answer(r#"{"action":"decline"}"#))
        .await
        .unwrap();
    let Answered::Taken { version, .. } = taken else {
        panic!("{taken:?}")
    };
    assert!(matches!(second, Answered::Repeated { .. }), "{second:?}");
    let control = live.find(session.name(), &RequestId::from_number(1)).unwrap();
    control.send(Control::Look(Some(version))).await.unwrap();
    assert_eq!(message(outputs.recv().await)["result"]["action"], "accept");
    running.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_quick_and_quiet_call_writes_nothing() {
    let Rig {
        driver,
        events,
        controls,
        mut outputs,
        session,
        replica,
        ..
    } = rig(Disconnect::RunOn).await;
    let call = async {
        sleep(UPGRADE / 2).await;
        Ok(raw("{}"))
    };
    drive(driver, call, events, controls).await;
    assert!(matches!(outputs.recv().await, Some(Output::Answer(_))));
    let key = CallKey::new(&session, "1").unwrap();
    let cancelled = replica.heads.calls.cancel(&key).await.unwrap();
    assert_eq!(cancelled, Cancelled::MarkerLeft, "nothing stood there");
}

#[tokio::test(start_paused = true)]
async fn what_a_call_says_while_its_replica_has_no_lease_waits_for_the_next_one() {
    let Rig {
        driver,
        events,
        controls,
        mut outputs,
        sink,
        replica,
        ..
    } = rig(Disconnect::RunOn).await;
    replica.heads.replica.renounce();
    let keeping = Arc::clone(&replica.heads.replica);
    let kept = tokio::spawn(async move { match keeping.run().await {} });
    let call = async move {
        sink.notify("notifications/progress", None).await;
        sleep(Duration::from_secs(10)).await;
        Ok(raw("{}"))
    };
    // The former lease has almost run out when the call becomes a stream.
    sleep(replica.heads.replica.lease_ttl() - Duration::from_secs(2)).await;
    assert!(replica.heads.replica.owner().is_none());
    drive(driver, call, events, controls).await;
    let progress = message(streamed(&mut outputs).await);
    assert_eq!(progress["method"], "notifications/progress");
    kept.abort();
}

#[tokio::test(start_paused = true)]
async fn c2_a_cancel_that_came_to_another_replica_before_stops_the_call_when_it_becomes_a_stream() {
    let Rig {
        driver,
        events,
        controls,
        mut outputs,
        session,
        replica,
        ..
    } = rig(Disconnect::RunOn).await;
    let key = CallKey::new(&session, "1").unwrap();
    replica.heads.calls.cancel(&key).await.unwrap();
    drive(driver, pending(), events, controls).await;
    assert!(matches!(outputs.recv().await, Some(Output::Cancelled)));
    assert!(outputs.recv().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn c1_a_cancelled_head_ends_the_call_without_an_answer_even_when_nobody_woke_it() {
    let Rig {
        driver,
        events,
        controls,
        mut outputs,
        session,
        replica,
        ..
    } = rig(Disconnect::RunOn).await;
    let calls = replica.heads.calls.clone();
    let call = async move {
        sleep(UPGRADE * 2).await;
        let key = CallKey::new(&session, "1").unwrap();
        let cancelled = calls.cancel(&key).await.unwrap();
        assert!(matches!(cancelled, Cancelled::Stopped { .. }), "{cancelled:?}");
        Ok(raw("{}"))
    };
    drive(driver, call, events, controls).await;
    assert!(matches!(outputs.recv().await, Some(Output::Stream)));
    assert!(matches!(outputs.recv().await, Some(Output::Cancelled)));
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
    } = rig(Disconnect::RunOn).await;
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
    } = rig(Disconnect::RunOn).await;
    drop(outputs);
    let (finished, finish) = oneshot::channel();
    let call = async move {
        sleep(Duration::from_secs(1)).await;
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
    } = rig(Disconnect::Cancel).await;
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
    } = rig(Disconnect::RunOn).await;
    let call = async move {
        for _ in 0..EVENT_QUEUE * 3 {
            sink.notify("notifications/progress", None).await;
        }
        Ok(raw("{}"))
    };
    drive(driver, call, events, controls).await;
    assert_eq!(outputs.len(), EVENT_QUEUE, "no more than fits was sent");
}

#[test]
fn one_id_runs_once_in_a_session() {
    let live = LiveCalls::default();
    let key = MacKey::new([1; 16]);
    let (a, b) = (SessionId::mint(&key, &p()), SessionId::mint(&key, &p()));
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
    assert_eq!(live.of_session(a.name()).len(), 2);
}
