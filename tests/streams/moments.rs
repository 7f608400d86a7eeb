//! The replica that runs a call is killed or paused at each moment of its life: one answer, one execution, no silence.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::support::deadline::until_true;
use crate::support::fleet::{Fleet, FleetSettings, OPERATION, TTL, VIEW};
use crate::support::following::{Following, last_id, messages};
use crate::support::http::Call;
use crate::support::legacy::Session;
use crate::support::mcp::{Endpoint, text_of};
use crate::support::redis::Redis;
use crate::support::session_requests::assert_all_not_found;
use crate::support::sse::Event;
use crate::support::upstream::Upstream;

/// The lease of a lost owner, the slack of redis, and one second; and something for a busy machine.
const TAKE_OVER: Duration = Duration::from_secs(TTL.as_secs() + 1 + 5);

/// What happens to the owner.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Trouble {
    Killed,
    /// Until it was taken over.
    Paused,
}

const TROUBLES: [Trouble; 2] = [Trouble::Killed, Trouble::Paused];

struct Scene {
    upstream: Upstream,
    fleet: Fleet,
    each: [Endpoint; 3],
    redis: Arc<Redis>,
    session: Session,
    trouble: Trouble,
}

impl Scene {
    async fn begin(trouble: Trouble, upgrade_after_ms: u64) -> Self {
        let (upstream, redis) = (Upstream::legacy().await, Arc::new(Redis::in_memory().await));
        let fleet = FleetSettings::in_front_of(&upstream.url())
            .redis(&redis)
            .server("upgrade_after_ms", upgrade_after_ms)
            .start()
            .await;
        let each = fleet.each();
        let capabilities = json!({"elicitation": {"form": {}}});
        let session = Session::open_with(&each[0], capabilities).await;
        Self {
            upstream,
            fleet,
            each,
            redis,
            session,
            trouble,
        }
    }

    fn strike(&mut self) {
        match self.trouble {
            Trouble::Killed => self.fleet.replicas[0].kill(),
            Trouble::Paused => self.fleet.replicas[0].program.pause(),
        }
    }

    /// A paused owner goes on, though it has been taken over.
    fn relent(&self) {
        if self.trouble == Trouble::Paused {
            self.fleet.replicas[0].program.resume();
        }
    }

    /// Reads a stream at B from behind an event to its end.
    async fn read_on(&self, last_event_id: &str) -> Vec<Event> {
        let stream = Following::resume(&self.session.at(&self.each[1]), last_event_id).await;
        match timeout(TAKE_OVER, stream.finish()).await {
            Ok(events) => events,
            Err(_) => panic!("{:?}: silence on an open stream", self.trouble),
        }
    }

    /// Whatever happened, the survivors serve the session, and nothing was executed twice.
    async fn assert_sound(&self, tool: &str, tag: &str) {
        let counts = self.upstream.counts(tool, tag).await;
        assert_eq!(counts.started, 1, "{:?}: executed again", self.trouble);
        for endpoint in &self.each[1..] {
            let session = self.session.at(endpoint);
            let result = session.tool("echo", json!({"message": "on"})).await;
            assert_eq!(text_of(&result), "on");
        }
    }
}

fn call(id: &str, tool: &str, arguments: &Value) -> Value {
    let params = json!({"name": tool, "arguments": arguments, "_meta": {"progressToken": id}});
    json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params})
}

fn reason(message: &Value) -> &str {
    message["error"]["data"]["reason"].as_str().unwrap_or_default()
}

/// Asserts that progress came without gap or double, and that the last message, and no other, is the answer.
fn assert_one_answer(events: &[Event], id: &str) -> Value {
    let messages = messages(events);
    let ((_, answer), before) = messages.split_last().expect("an answer");
    assert_eq!(answer["id"], id, "{answer}");
    for (number, (_, message)) in (1..).zip(before) {
        assert_eq!(
            message["params"]["progress"].as_f64(),
            Some(f64::from(number)),
            "{message}"
        );
    }
    answer.clone()
}

/// Asserts that a connection to an owner that came back brings no other answer than what everybody else was told.
async fn assert_nothing_else(connection: Following) {
    let late = connection.finish().await;
    for (_, message) in messages(&late) {
        let is_answer = message.get("method").is_none();
        assert!(!is_answer || reason(&message) == "outcome_unknown", "{message}");
    }
}

/// A call that was not a stream yet left no trace: who waits gets its answer, if its replica comes back at all.
#[tokio::test]
async fn i7_an_owner_in_trouble_before_the_upgrade() {
    for trouble in TROUBLES {
        let mut scene = Scene::begin(trouble, 60_000).await;
        let message = call("m", "sleep", &json!({"ms": 1500, "tag": "quiet"}));
        let waiting = tokio::spawn(scene.session.post(&message).try_send());
        let started = scene
            .upstream
            .counts_reach("sleep", "quiet", |counts| counts.started == 1);
        started.await;
        scene.strike();
        scene.assert_sound("sleep", "quiet").await;
        if trouble == Trouble::Paused {
            // Longer than its lease, so that others believe it dead.
            scene.until_its_lease_is_gone().await;
            scene.relent();
            let answer = waiting.await.unwrap().expect("an answer");
            assert_eq!(answer.status, StatusCode::OK);
            assert_eq!(text_of(&answer.json().await["result"]), "slept 1500 ms");
        } else {
            assert!(
                waiting.await.unwrap().is_err(),
                "nobody may send it again but the client"
            );
        }
        scene.assert_sound("sleep", "quiet").await;
    }
}

impl Scene {
    /// Waits until B shows that the owner has no lease any more.
    async fn until_its_lease_is_gone(&self) {
        let operators = self.fleet.replicas[1].admin;
        until_true("the lease of the owner is gone", async || {
            let answer = Call::new(http::Method::GET, operators, "/cluster").send().await;
            let facts = answer.json().await;
            let replicas = facts["replicas"].as_array().cloned().unwrap_or_default();
            let owner = replicas.iter().find(|replica| replica["node"] == "a");
            owner.is_none_or(|owner| owner["state"] == "dead")
        })
        .await;
    }
}

#[tokio::test]
async fn i6_an_owner_in_trouble_in_mid_stream() {
    for trouble in TROUBLES {
        let mut scene = Scene::begin(trouble, 250).await;
        let arguments = json!({"steps": 60, "interval_ms": 200, "tag": "stream"});
        let message = call("s", "sleep_with_progress", &arguments);
        let mut first = Following::of(scene.session.send(&message).await);
        first.read_messages(2).await;
        scene.strike();
        let seen = first.seen.clone();
        let whole = scene.read_on(&last_id(&seen[..1])).await;
        let answer = assert_one_answer(&whole, "s");
        assert_eq!(reason(&answer), "outcome_unknown", "{answer}");
        assert_eq!(messages(&whole)[..2], messages(&seen)[..2]);
        scene.relent();
        if trouble == Trouble::Paused {
            assert_nothing_else(first).await;
        }
        scene.assert_sound("sleep_with_progress", "stream").await;
    }
}

#[tokio::test]
async fn i6_an_owner_in_trouble_while_its_question_is_open() {
    for trouble in TROUBLES {
        let mut scene = Scene::begin(trouble, 250).await;
        let message = call("q", "ask", &json!({"question": "which?", "tag": "question"}));
        let mut first = Following::of(scene.session.send(&message).await);
        first.read_messages(1).await;
        let seen = first.seen.clone();
        let question = messages(&seen)[0].1.clone();
        scene.strike();
        // It is taken while the owner may still be alive for all that anybody knows.
        let answer = json!({"action": "accept", "content": {"answer": "blue"}});
        let status = scene.session.at(&scene.each[2]).respond(&question, answer).await;
        assert_eq!(status, StatusCode::ACCEPTED);
        let whole = messages(&scene.read_on(&last_id(&seen[..1])).await);
        assert_eq!(whole.len(), 2, "{whole:?}");
        assert_eq!(reason(&whole[1].1), "outcome_unknown", "{whole:?}");
        scene.relent();
        if trouble == Trouble::Paused {
            assert_nothing_else(first).await;
        }
        scene.assert_sound("ask", "question").await;
        assert_eq!(scene.upstream.counts("ask", "question").await.completed, 0);
    }
}

#[tokio::test]
async fn i5_an_owner_in_trouble_while_its_session_is_deleted() {
    for trouble in TROUBLES {
        let mut scene = Scene::begin(trouble, 250).await;
        let arguments = json!({"steps": 100, "interval_ms": 200, "tag": "deleted"});
        let message = call("d", "sleep_with_progress", &arguments);
        let mut first = Following::of(scene.session.send(&message).await);
        first.read_messages(1).await;
        let at_c = scene.session.at(&scene.each[2]);
        let follower = Following::resume(&at_c, &last_id(&first.seen)).await;
        let at_b = scene.session.at(&scene.each[1]);
        let deleting = tokio::spawn(async move { at_b.delete().await });
        scene.strike();
        let deleted = timeout(VIEW.mul_f64(1.25) + OPERATION, deleting).await;
        let status = deleted.expect("the DELETE is answered").unwrap();
        assert!(status.is_success(), "{status}");
        let rest = timeout(TAKE_OVER, follower.finish()).await;
        let rest = messages(&rest.expect("the stream of a closed session ends"));
        let answers = rest.iter().filter(|(_, message)| message.get("result").is_some());
        assert_eq!(answers.count(), 0, "{rest:?}");
        for endpoint in &scene.each[1..] {
            assert_all_not_found(endpoint, &scene.session.id).await;
        }
        scene.relent();
        if trouble == Trouble::Paused {
            assert_nothing_else(first).await;
            assert_all_not_found(&scene.each[0], &scene.session.id).await;
        }
        let counts = scene.upstream.counts("sleep_with_progress", "deleted").await;
        assert_eq!((counts.started, counts.completed), (1, 0));
    }
}

/// How often the records of calls were written, as redis saw it.
fn writes(told: &str) -> usize {
    let is_write = |line: &&str| line.contains("call/") && line.contains("EVALSHA");
    told.lines().filter(is_write).count()
}

impl Scene {
    /// Starts a call that tells its progress, and strikes as soon as redis has been told so often of it. What the
    /// client was sent until then, and its connection.
    async fn strike_at_write(&mut self, number: usize, tag: &str) -> Option<Following> {
        let monitor = self.redis.monitor().await;
        let arguments = json!({"steps": 40, "interval_ms": 200, "tag": tag});
        let message = call("w", "sleep_with_progress", &arguments);
        let sending = tokio::spawn(self.session.post(&message).try_send());
        until_true("the record of the call is written", async || {
            writes(&monitor.text()) >= number
        })
        .await;
        self.strike();
        self.relent_soon(sending).await
    }

    /// The answer to a request whose replica is in trouble; `None` where there is none.
    async fn relent_soon(
        &self,
        sending: tokio::task::JoinHandle<
            Result<crate::support::http::Answer, Box<dyn std::error::Error + Send + Sync>>,
        >,
    ) -> Option<Following> {
        let answer = match self.trouble {
            Trouble::Killed => sending.await.unwrap().ok()?,
            Trouble::Paused => {
                self.until_its_lease_is_gone().await;
                self.relent();
                sending.await.unwrap().expect("an answer")
            }
        };
        Some(Following::of(answer))
    }

    /// Whatever the client has seen, what it finds elsewhere begins with that and ends with one answer.
    async fn assert_goes_on(&self, mut first: Following, tag: &str) {
        // A broken connection ends the stream like one that was closed.
        while first.next().await.is_some() {}
        let seen = first.seen;
        let Some(priming) = seen.first().and_then(|event| event.id.clone()) else {
            assert!(messages(&seen).is_empty(), "a message before the first id");
            return;
        };
        let whole = self.read_on(&priming).await;
        let answer = assert_one_answer(&whole, "w");
        let (mut seen, whole) = (messages(&seen), messages(&whole));
        // A paused owner that comes back says what has waited too long, and that it knows nothing, without a place in the
        // log.
        assert!(
            seen.iter()
                .all(|(id, message)| id.is_some() || message.get("result").is_none())
        );
        seen.retain(|(id, _)| id.is_some());
        assert_eq!(whole[..seen.len()], seen, "what was sent stood in the log");
        assert_eq!(reason(&answer), "outcome_unknown", "{answer}");
        self.assert_sound("sleep_with_progress", tag).await;
    }
}

#[tokio::test]
async fn i6_an_owner_in_trouble_at_the_upgrade() {
    for trouble in TROUBLES {
        let mut scene = Scene::begin(trouble, 250).await;
        if let Some(first) = scene.strike_at_write(1, "upgrade").await {
            scene.assert_goes_on(first, "upgrade").await;
        }
        scene.assert_sound("sleep_with_progress", "upgrade").await;
    }
}

#[tokio::test]
async fn i6_an_owner_in_trouble_between_the_log_and_the_connection() {
    for (trouble, write) in [(Trouble::Killed, 2), (Trouble::Killed, 4), (Trouble::Paused, 3)] {
        let mut scene = Scene::begin(trouble, 250).await;
        if let Some(first) = scene.strike_at_write(write, "socket").await {
            scene.assert_goes_on(first, "socket").await;
        }
        scene.assert_sound("sleep_with_progress", "socket").await;
    }
}
