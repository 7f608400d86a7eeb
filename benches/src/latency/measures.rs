//! What is measured: each begins and ends in this process, with three replicas in between.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::time::timeout;

use super::client::Session;
use super::fleet::{Fleet, LEASE_TTL};
use super::http::{Answer, Event};
use super::samples::Samples;
use super::upstream::{RESOURCE, Running, Upstream};
use crate::failure::{Failure, While as _};

/// The replicas: the client is at one, the call runs at another.
const CLIENT: usize = 0;
const OWNER: usize = 1;

/// Nothing that is measured may take longer.
const LIMIT: Duration = Duration::from_secs(30);

/// A call at the owner, and its stream as the client has it at first.
struct Call {
    id: Value,
    stream: Answer,
    /// The id of the event that the stream began with.
    priming: String,
    running: Running,
}

async fn call(fleet: &Fleet, session: &mut Session, upstream: &mut Upstream) -> Result<Call, Failure> {
    let began = async {
        let (id, mut stream) = session.call(fleet.url(OWNER)).await?;
        let priming = stream.until("an id", |event| event.id.clone()).await?;
        let running = upstream.call().await?;
        Ok(Call {
            id,
            stream,
            priming,
            running,
        })
    };
    limited("a call that began", began).await
}

async fn limited<T>(what: &str, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    timeout(LIMIT, work)
        .await
        .attempting(|| format!("waiting for {what}"))?
}

fn progress_of(event: &Event) -> Option<u64> {
    event.message.as_ref()?["params"]["progress"].as_u64()
}

/// Times one progress event after the other from the upstream to the client.
async fn events(
    samples: &mut Samples,
    running: &Running,
    stream: &mut Answer,
    count: usize,
) -> Result<(), Failure> {
    for number in 1..=count as u64 {
        let began = Instant::now();
        running.progress(number);
        let arrived = stream.until("the event", |event| {
            progress_of(event).filter(|progress| *progress == number)
        });
        limited(samples.what, arrived).await?;
        samples.add(began.elapsed());
    }
    Ok(())
}

/// From an event of the upstream to the client, whose connection is at the owner.
pub(super) async fn delivery_here(
    fleet: &Fleet,
    upstream: &mut Upstream,
    count: usize,
) -> Result<Samples, Failure> {
    let mut samples = Samples::new("event at a replica to a client there");
    let mut session = Session::open(fleet.url(CLIENT)).await?;
    let mut call = call(fleet, &mut session, upstream).await?;
    events(&mut samples, &call.running, &mut call.stream, count).await?;
    call.running.finish();
    Ok(samples)
}

/// The same, after the client has resumed the stream at another replica.
pub(super) async fn delivery_elsewhere(
    fleet: &Fleet,
    upstream: &mut Upstream,
    count: usize,
) -> Result<Samples, Failure> {
    let mut samples = Samples::new("event at a replica to a client at another");
    let mut session = Session::open(fleet.url(CLIENT)).await?;
    let call = call(fleet, &mut session, upstream).await?;
    drop(call.stream);
    let mut stream = session.listen(fleet.url(CLIENT), Some(&call.priming)).await?;
    events(&mut samples, &call.running, &mut stream, count).await?;
    call.running.finish();
    Ok(samples)
}

/// From the upstream's word that a resource changed to a client that listens at another replica.
pub(super) async fn levels(fleet: &Fleet, upstream: &mut Upstream, count: usize) -> Result<Samples, Failure> {
    let mut samples = Samples::new("update of a resource to a subscriber");
    let session = Session::open(fleet.url(CLIENT)).await?;
    let mut stream = session.listen(fleet.url(CLIENT), None).await?;
    limited("a stream", stream.until("an id", |event| event.id.clone())).await?;
    let params = json!({"uri": RESOURCE});
    let subscribed = session
        .request(fleet.url(OWNER), "resources/subscribe", params)
        .await?;
    if subscribed.get("result").is_none() {
        return Err(Failure::new(format!(
            "nothing can be subscribed to: {subscribed}"
        )));
    }
    for _ in 0..count {
        let began = Instant::now();
        upstream.update();
        let is_update = |event: &Event| {
            let message = event.message.as_ref()?;
            (message["method"] == "notifications/resources/updated").then_some(())
        };
        limited(samples.what, stream.until("the update", is_update)).await?;
        samples.add(began.elapsed());
    }
    Ok(samples)
}

/// From a cancel at another replica to the upstream's knowledge of it.
pub(super) async fn cancels(
    fleet: &Fleet,
    upstream: &mut Upstream,
    count: usize,
) -> Result<Samples, Failure> {
    let mut samples = Samples::new("cancel at another replica to the upstream");
    let mut session = Session::open(fleet.url(CLIENT)).await?;
    for _ in 0..count {
        let call = call(fleet, &mut session, upstream).await?;
        let began = Instant::now();
        session.cancel(fleet.url(CLIENT), &call.id).await?;
        let arrived = limited(samples.what, upstream.cancelled()).await?;
        samples.add(arrived.saturating_duration_since(began));
    }
    Ok(samples)
}

/// From a request that resumes a stream at another replica to the first event of the replay.
pub(super) async fn resumes(
    fleet: &Fleet,
    upstream: &mut Upstream,
    count: usize,
) -> Result<Samples, Failure> {
    let mut samples = Samples::new("resume at another replica to the first event");
    let mut session = Session::open(fleet.url(CLIENT)).await?;
    for _ in 0..count {
        let mut call = call(fleet, &mut session, upstream).await?;
        call.running.progress(1);
        limited("an event", call.stream.until("an event", progress_of)).await?;
        drop(call.stream);
        let began = Instant::now();
        let resumed = async {
            let mut stream = session.listen(fleet.url(CLIENT), Some(&call.priming)).await?;
            stream.until("the replay", progress_of).await
        };
        limited(samples.what, resumed).await?;
        samples.add(began.elapsed());
        call.running.finish();
    }
    Ok(samples)
}

/// From the death of an owner to the word of it on the stream that a client follows at another replica.
pub(super) async fn take_overs(
    fleet: &mut Fleet,
    upstream: &mut Upstream,
    count: usize,
) -> Result<Samples, Failure> {
    let mut samples = Samples::new("death of the owner to the end of its call elsewhere");
    let mut session = Session::open(fleet.url(CLIENT)).await?;
    for _ in 0..count {
        let call = call(fleet, &mut session, upstream).await?;
        drop(call.stream);
        let mut stream = session.listen(fleet.url(CLIENT), Some(&call.priming)).await?;
        call.running.progress(1);
        limited("an event", stream.until("an event", progress_of)).await?;
        let began = Instant::now();
        fleet.kill(OWNER);
        let is_end = |event: &Event| event.message.as_ref()?.get("error").map(drop);
        limited(samples.what, stream.until("the end", is_end)).await?;
        samples.add(began.elapsed());
        // A call whose replica is gone hears nothing any more.
        drop(call.running);
        fleet.replace(OWNER).await?;
    }
    Ok(samples)
}

/// The lease that a take-over waits for.
pub(super) const TAKE_OVER_WAITS_FOR: Duration = LEASE_TTL;
