#![allow(clippy::unwrap_used)]

use std::time::Duration;

use mcpg_capabilities::calls::{Birth, Cancelled, Follow, Over, QuestionId};
use mcpg_capabilities::delivery::Reader;
use mcpg_capabilities::owner::BootId;
use serde_json::Value;
use tokio::sync::oneshot;
use tokio::time::{advance, timeout};

use super::*;
use crate::exchange::{Answer, Event, Question};
use crate::frames::Frames;
use crate::router::head::{PATIENCE, Verdict};
use crate::router::testing::{TestReplica, decode, raw};

const RESPONSE: &str = r#"{"jsonrpc":"2.0","id":1,"result":{}}"#;

/// A stream with both its ends in hand.
struct Scene {
    replica: TestReplica,
    stream: Option<Stream>,
    frames: Frames,
    birth: Birth,
}

async fn begin(places: bool) -> Scene {
    begin_at(TestReplica::start().await, places).await
}

async fn begin_at(replica: TestReplica, places: bool) -> Scene {
    let call = replica.open_call("1").await;
    let birth = call.birth();
    let session = replica.session.clone();
    let (stream, frames) = replica.streams.begin(StreamParts {
        call,
        session,
        places,
    });
    Scene {
        replica,
        stream: Some(stream),
        frames,
        birth,
    }
}

async fn scene() -> Scene {
    let mut scene = begin(true).await;
    scene.expect(&[(Some(0), Value::Null)]).await;
    scene
}

fn notification(method: &str, value: u32) -> Event {
    Event::Notification {
        method: method.to_owned(),
        params: Some(raw(&value.to_string())),
    }
}

fn progress(value: u32) -> Event {
    notification("notifications/progress", value)
}

fn log(value: u32) -> Event {
    notification("notifications/message", value)
}

fn question() -> (Event, oneshot::Receiver<Answer>) {
    let (answer, answered) = oneshot::channel();
    let question = Question {
        method: "elicitation/create".to_owned(),
        params: None,
        answer,
    };
    (Event::Question(question), answered)
}

impl Scene {
    fn say(&self, event: Event) {
        self.stream.as_ref().unwrap().say(event);
    }

    /// The place of the next event, and what it carries: params, `response`, the id of a question, or nothing.
    async fn next(&mut self) -> Option<(Option<u64>, Value)> {
        let frame = self.frames.next().await?;
        let (id, data) = decode(&self.replica, &frame);
        if data.is_empty() {
            return Some((id, Value::Null));
        }
        let mut message: Value = serde_json::from_str(&data).unwrap();
        let what = if message.get("method").is_none() {
            "response".into()
        } else if message.get("id").is_some() {
            message["id"].take()
        } else {
            message["params"].take()
        };
        Some((id, what))
    }

    async fn expect(&mut self, events: &[(Option<u64>, Value)]) {
        for event in events {
            assert_eq!(self.next().await.as_ref(), Some(event));
        }
    }

    async fn assert_silent(&mut self, length: Duration) {
        assert!(timeout(length, self.frames.next()).await.is_err());
    }

    /// Ends the call with its response and tells it where that may be.
    async fn conclude(&mut self, before: Vec<Event>) -> Verdict {
        let stream = self.stream.take().unwrap();
        let concluded = stream.conclude(before, RESPONSE.into()).await;
        let verdict = concluded.verdict;
        let message = (verdict == Verdict::Outcome).then(|| RESPONSE.into());
        concluded.tell(message);
        verdict
    }

    /// What a replica finds that takes the stream up.
    async fn elsewhere(&self) -> Follow {
        let reader = Reader::fresh(BootId::new("other"));
        let (calls, key) = (&self.replica.heads.calls, self.replica.key("1"));
        calls.take_up(&key, self.birth, 0, &reader).await.unwrap()
    }

    async fn logged(&self) -> (usize, Option<Over>) {
        match self.elsewhere().await {
            Follow::Runs { events, .. } => (events.len(), None),
            Follow::Over { events, over, .. } => (events.len(), Some(over)),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_said_stands_in_the_log_and_comes_with_ids() {
    let mut scene = scene().await;
    scene.say(log(1));
    scene.expect(&[(Some(1), 1.into())]).await;
    scene.say(log(2));
    assert_eq!(scene.conclude(vec![log(3)]).await, Verdict::Outcome);
    let rest = [2.into(), 3.into(), "response".into()];
    for (event, place) in rest.into_iter().zip(2..) {
        scene.expect(&[(Some(place), event)]).await;
    }
    assert_eq!(scene.next().await, None);
    assert_eq!(scene.logged().await, (4, Some(Over::Finished)));
}

#[tokio::test(start_paused = true)]
async fn i8_what_is_said_costs_one_write_and_the_response_another() {
    let mut scene = scene().await;
    let before = scene.replica.way.puts();
    for (value, place) in [1, 2].into_iter().zip(1..) {
        scene.say(log(value));
        scene.expect(&[(Some(place), value.into())]).await;
    }
    assert_eq!(scene.conclude(vec![log(3)]).await, Verdict::Outcome);
    assert_eq!(scene.replica.way.puts() - before, 3);
}

#[tokio::test(start_paused = true)]
async fn d10_progress_that_waits_for_a_write_gives_way_to_later_progress_and_nothing_else_does() {
    let mut scene = scene().await;
    scene.replica.way.slow_down();
    scene.say(progress(1));
    let before = scene.replica.way.puts();
    while scene.replica.way.puts() == before {
        tokio::task::yield_now().await;
    }
    // The first few are no trouble.
    for value in 2..=9 {
        scene.say(progress(value));
    }
    for event in [log(20), progress(10), log(21), progress(11)] {
        scene.say(event);
    }
    for (value, place) in [1, 20, 10, 21, 11].into_iter().zip(1..) {
        scene.expect(&[(Some(place), value.into())]).await;
    }
    assert_eq!(
        scene.replica.way.puts() - before,
        2,
        "one write took all of them along"
    );
}

#[tokio::test(start_paused = true)]
async fn i4_without_the_coordinator_a_result_comes_without_an_id_behind_its_events_and_is_logged_later() {
    let mut scene = scene().await;
    scene.replica.way.close();
    scene.say(log(1));
    scene.assert_silent(PATIENCE - Duration::from_millis(1)).await;
    scene.expect(&[(None, 1.into())]).await;
    scene.say(log(2));
    scene.expect(&[(None, 2.into())]).await;
    assert_eq!(scene.conclude(vec![log(3)]).await, Verdict::Outcome);
    scene.expect(&[(None, 3.into()), (None, "response".into())]).await;
    assert_eq!(scene.next().await, None);
    advance(PATIENCE * 10).await;
    scene.replica.way.open();
    scene.replica.heads.tasks.close();
    scene.replica.heads.tasks.wait().await;
    assert_eq!(scene.logged().await, (4, Some(Over::Finished)));
}

#[tokio::test(start_paused = true)]
async fn d11_what_was_sent_without_ids_is_not_sent_again_but_its_place_is_told() {
    let mut scene = scene().await;
    scene.say(log(1));
    scene.expect(&[(Some(1), 1.into())]).await;
    scene.replica.way.close();
    let (asks, answered) = question();
    // A question that nobody could answer is kept back, though it is the first that is tried to be written.
    scene.say(asks);
    scene.assert_silent(Duration::from_millis(1)).await;
    scene.say(log(2));
    scene.say(log(3));
    scene.expect(&[(None, 2.into()), (None, 3.into())]).await;
    scene.replica.way.open();
    let (place, id) = scene.next().await.unwrap();
    assert_eq!(place, Some(2));
    scene.expect(&[(Some(4), Value::Null)]).await;
    let id = QuestionId::verify(
        &scene.replica.heads.mac,
        &scene.replica.session,
        id.as_str().unwrap(),
    );
    let answer = Ok::<_, Box<serde_json::value::RawValue>>(raw("5")).into();
    let calls = &scene.replica.heads.calls;
    calls.answer(&id.unwrap(), answer).await.unwrap();
    let stream = scene.stream.as_mut().unwrap();
    assert_eq!(stream.news().await.unwrap().owed, 1);
    stream.look(None);
    assert_eq!(answered.await.unwrap().unwrap().get(), "5");
    assert_eq!(stream.news().await.unwrap().owed, 0);
}

#[tokio::test(start_paused = true)]
async fn c3_a_call_that_was_cancelled_has_no_response_anywhere() {
    let mut scene = scene().await;
    scene.say(log(1));
    scene.expect(&[(Some(1), 1.into())]).await;
    let (calls, key) = (&scene.replica.heads.calls, scene.replica.key("1"));
    let cancelled = calls.cancel(&key).await.unwrap();
    assert!(matches!(cancelled, Cancelled::Stopped { .. }), "{cancelled:?}");
    let stream = scene.stream.as_mut().unwrap();
    stream.look(None);
    let news = stream.news().await.unwrap();
    assert_eq!(news.refused, Some(mcpg_capabilities::calls::Refused::Cancelled));
    assert_eq!(scene.conclude(Vec::new()).await, Verdict::Nothing);
    assert_eq!(scene.next().await, None);
    assert_eq!(scene.logged().await, (1, Some(Over::Cancelled)));
}

#[tokio::test(start_paused = true)]
async fn c10_a_call_that_ends_without_a_response_ends_so_for_everybody_as_soon_as_that_can_be_written() {
    let mut scene = scene().await;
    scene.replica.way.close();
    scene.say(log(1));
    scene.stream.take().unwrap().end_without_answer();
    assert_eq!(scene.next().await, None);
    advance(PATIENCE * 3).await;
    scene.replica.way.open();
    scene.replica.heads.tasks.close();
    scene.replica.heads.tasks.wait().await;
    assert_eq!(scene.logged().await.1, Some(Over::Cancelled));
}

#[tokio::test(start_paused = true)]
async fn d2_a_client_that_has_come_back_elsewhere_loses_its_former_connection() {
    let mut scene = scene().await;
    scene.say(log(1));
    scene.expect(&[(Some(1), 1.into())]).await;
    assert_eq!(scene.logged().await, (1, None));
    scene.stream.as_ref().unwrap().look(None);
    assert_eq!(scene.next().await, None);
    scene.say(log(2));
    assert_eq!(scene.conclude(Vec::new()).await, Verdict::Outcome);
    assert_eq!(scene.logged().await, (3, Some(Over::Finished)));
}

#[tokio::test(start_paused = true)]
async fn d9_a_client_that_does_not_read_is_cut_off_and_the_call_goes_on() {
    let mut scene = scene().await;
    for value in 0..1200 {
        while !scene.stream.as_ref().unwrap().has_room() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        scene.say(log(value));
    }
    assert_eq!(scene.conclude(Vec::new()).await, Verdict::Outcome);
    assert_eq!(
        scene.next().await,
        None,
        "nothing waits for a client that was cut off"
    );
}

#[tokio::test(start_paused = true)]
async fn d5_a_client_is_let_go_behind_what_was_said_and_the_call_runs_on() {
    let mut scene = scene().await;
    scene.say(log(1));
    scene.say(Event::Pause { retry_ms: 60_000 });
    scene.expect(&[(Some(1), 1.into())]).await;
    let frame = scene.frames.next().await.unwrap();
    assert_eq!(decode(&scene.replica, &frame), (Some(1), String::new()));
    assert!(
        String::from_utf8_lossy(&frame).contains("retry: 60000\n"),
        "{frame:?}"
    );
    assert_eq!(scene.next().await, None);
    assert_eq!(scene.conclude(Vec::new()).await, Verdict::Outcome);
    assert_eq!(scene.logged().await, (2, Some(Over::Finished)));
}

#[tokio::test(start_paused = true)]
async fn d5_clients_of_older_revisions_get_no_event_without_data_and_are_not_let_go() {
    let mut scene = begin(false).await;
    scene.say(Event::Pause { retry_ms: 1 });
    scene.say(log(1));
    scene.expect(&[(Some(1), 1.into())]).await;
    scene.conclude(Vec::new()).await;
    scene.expect(&[(Some(2), "response".into())]).await;
}

#[tokio::test(start_paused = true)]
async fn a_stream_over_the_budget_of_its_client_ends_with_an_error_that_says_so() {
    let mut scene = begin_at(TestReplica::with_budget(1).await, false).await;
    scene.say(notification("notifications/message", 1));
    let mut large = vec![b'1'; 64 * 1024];
    large.push(b'1');
    scene.say(Event::Notification {
        method: "notifications/message".to_owned(),
        params: Some(raw(std::str::from_utf8(&large).unwrap())),
    });
    let stream = scene.stream.as_mut().unwrap();
    let refused = loop {
        if let Some(refused) = stream.news().await.unwrap().refused {
            break refused;
        }
    };
    assert_eq!(refused, mcpg_capabilities::calls::Refused::OverBudget);
    assert_eq!(scene.conclude(Vec::new()).await, Verdict::Outcome);
    let error = crate::router::drive::stream_overflow();
    assert_eq!(
        error.message,
        "the streams of this client hold as much as mcp.configurations.delivery.bytes_per_principal allows: read them to \
         their ends, or ask for less at once"
    );
    scene.replica.heads.tasks.close();
    scene.replica.heads.tasks.wait().await;
    assert_eq!(scene.logged().await.1, Some(Over::Finished));
}

#[tokio::test(start_paused = true)]
async fn i4_a_result_over_the_budget_reaches_its_client_and_the_log_says_why_it_is_not_there() {
    let mut scene = begin_at(TestReplica::with_budget(1).await, false).await;
    let large = format!(
        "{{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":\"{}\"}}",
        "x".repeat(64 * 1024)
    );
    let concluded = scene
        .stream
        .take()
        .unwrap()
        .conclude(Vec::new(), large.clone().into())
        .await;
    assert_eq!(concluded.verdict, Verdict::Outcome);
    concluded.tell(Some(large.clone().into()));
    let frame = scene.frames.next().await.unwrap();
    assert_eq!(decode(&scene.replica, &frame), (None, large));
    assert_eq!(scene.next().await, None);
    scene.replica.heads.tasks.close();
    scene.replica.heads.tasks.wait().await;
    let Follow::Over { events, over, .. } = scene.elsewhere().await else {
        panic!("the call runs")
    };
    assert_eq!((events.len(), over), (1, Over::Finished));
    let logged = String::from_utf8(events[0].message.to_vec()).unwrap();
    assert!(logged.contains("\"reason\":\"stream_overflow\""), "{logged}");
}
