//! Watch: the order in which changes are told.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{FutureExt, StreamExt};
use mcpg_cluster::{Expect, Key, KeyValue, NamedEntry, Version, WatchEvent, WatchStream};
use tokio::time::sleep;

use crate::failure::ensure;
use crate::{Context, Failure, Outcome};

const NAMES: usize = 12;

pub(crate) async fn watch_keeps_the_order_of_writes(ctx: &Context) -> Outcome {
    let scope = ctx.unique("scope");
    let keys: Vec<Key> = (0..NAMES).map(|number| ctx.key(name(number))).collect();
    let mut stream = ctx.watch().watch(&scope, b"").await?;
    // Nobody reads meanwhile, so a backend that compares finds all of these changes at once.
    let burst = write(Arc::clone(ctx.kv_there()), keys.clone(), 2).await?;
    let mut reader = Reader::default();
    reader.follow(ctx, &mut stream, last_put(&burst)?).await?;
    let writing = tokio::spawn(write(Arc::clone(ctx.kv_there()), keys, 20));
    while !writing.is_finished() {
        match stream.next().now_or_never().flatten() {
            Some(event) => reader.events.push(event?),
            None => sleep(Duration::from_millis(1)).await,
        }
    }
    let written = match writing.await {
        Ok(written) => written?,
        Err(error) => return Err(Failure::new(format!("the writer ended early: {error}"))),
    };
    reader.follow(ctx, &mut stream, last_put(&written)?).await?;
    reader.ensure_ordered(&[burst, written].concat())
}

/// Names whose order as bytes has nothing to do with that of their numbers.
fn name(number: usize) -> Bytes {
    format!("{:02}", (number * 7 + 5) % NAMES).into()
}

#[derive(Clone)]
struct Write {
    name: Bytes,
    /// The version of a put; a delete has none.
    version: Option<Version>,
}

/// Writes every key in every round and deletes every third one in between; the last write is a put.
async fn write(
    key_value: Arc<dyn KeyValue>,
    keys: Vec<Key>,
    rounds: u32,
) -> mcpg_cluster::Result<Vec<Write>> {
    let mut written = Vec::new();
    for round in 0..rounds {
        for (number, key) in keys.iter().enumerate() {
            let value = Bytes::from(round.to_be_bytes().to_vec());
            let version = key_value.put(key, value, Expect::Any, None).await?;
            written.push(Write {
                name: key.name.clone(),
                version: Some(version),
            });
            if number % 3 == 0 {
                key_value.delete(key, Expect::Any).await?;
                written.push(Write {
                    name: key.name.clone(),
                    version: None,
                });
            }
        }
        tokio::task::yield_now().await;
    }
    Ok(written)
}

fn last_put(written: &[Write]) -> Outcome<(Bytes, Version)> {
    let last = written
        .last()
        .and_then(|write| Some((write.name.clone(), write.version?)));
    last.ok_or_else(|| Failure::new("the last write is no put"))
}

#[derive(Default)]
struct Reader {
    events: Vec<WatchEvent>,
}

impl Reader {
    /// Reads until a put has been told, in whatever form.
    async fn follow(&mut self, ctx: &Context, stream: &mut WatchStream, put: (Bytes, Version)) -> Outcome {
        let is_it = |named: &NamedEntry| (&named.name, named.entry.version) == (&put.0, put.1);
        let tells = |event: &WatchEvent| match event {
            WatchEvent::Put(named) => is_it(named),
            WatchEvent::Snapshot(entries) | WatchEvent::Resync(entries) => entries.iter().any(is_it),
            WatchEvent::Delete { .. } => false,
        };
        while !self.events.iter().any(tells) {
            self.events.push(ctx.next("the last put", stream).await?);
        }
        Ok(())
    }

    /// Makes sure that the puts came as they were written, and each after everything older that still holds.
    fn ensure_ordered(self, written: &[Write]) -> Outcome {
        let mut known: BTreeMap<Bytes, Version> = BTreeMap::new();
        let mut newest = None;
        for event in self.events {
            match event {
                WatchEvent::Snapshot(entries) | WatchEvent::Resync(entries) => {
                    let pair = |named: NamedEntry| (named.name, named.entry.version);
                    known = entries.into_iter().map(pair).collect();
                }
                WatchEvent::Delete { name } => {
                    known.remove(&name);
                }
                WatchEvent::Put(named) => {
                    let place = place_of(&named, written)?;
                    let message = format!("{:?} was told after a younger change", named.name);
                    ensure(newest < Some(place), message)?;
                    newest = Some(place);
                    known.insert(named.name.clone(), named.entry.version);
                    ensure_older_known(&known, written, place)?;
                }
            }
        }
        Ok(())
    }
}

fn place_of(put: &NamedEntry, written: &[Write]) -> Outcome<usize> {
    let version = Some(put.entry.version);
    let is_it = |write: &Write| write.version == version && write.name == put.name;
    let place = written.iter().position(is_it);
    place.ok_or_else(|| Failure::new(format!("{:?} was never written so", put.name)))
}

/// What a later write of the same name has overtaken need not be told at all.
fn ensure_older_known(known: &BTreeMap<Bytes, Version>, written: &[Write], place: usize) -> Outcome {
    for number in 0..NAMES {
        let name = name(number);
        let last = written.iter().rposition(|write| write.name == name);
        let Some(last) = last.filter(|last| *last <= place) else {
            continue;
        };
        let known = known.get(&name).copied();
        let message = format!(
            "{:?} was told before an older change of {name:?}, of which {known:?} is known",
            written[place].name
        );
        ensure(written[last].version == known, message)?;
    }
    Ok(())
}
