//! Watch: that nothing is lost.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use mcpg_cluster::{Entry, Expect, Key, KeyValue, NamedEntry, Version, WatchEvent, WatchStream};

use crate::failure::ensure;
use crate::{Context, Failure, Outcome};

pub(crate) async fn watch_loses_nothing_between_snapshot_and_changes(ctx: &Context) -> Outcome {
    const WATCHES: usize = 10;
    let keys: Vec<Key> = (0..400).map(|number| ctx.key(number.to_string())).collect();
    let writing = tokio::spawn(write_each_once(Arc::clone(ctx.kv_there()), keys));
    let mut mirrors = Vec::new();
    for _ in 0..WATCHES {
        let stream = ctx.watch().watch(&ctx.unique("scope"), b"").await?;
        mirrors.push((Mirror::default(), stream));
        tokio::task::yield_now().await;
    }
    match writing.await {
        Ok(outcome) => outcome?,
        Err(error) => return Err(Failure::new(format!("the writer ended early: {error}"))),
    }
    let wanted = present(ctx, 200).await?;
    for (mirror, stream) in &mut mirrors {
        mirror.follow_until(ctx, stream, &wanted).await?;
    }
    Ok(())
}

pub(crate) async fn watch_never_goes_back(ctx: &Context) -> Outcome {
    let mut stream = ctx.watch().watch(&ctx.unique("scope"), b"").await?;
    let keys = (0..4).map(|number| ctx.key(number.to_string())).collect();
    write_rounds(Arc::clone(ctx.kv()), keys, 25).await?;
    let wanted = present(ctx, 2).await?;
    Mirror::default().follow_until(ctx, &mut stream, &wanted).await
}

pub(crate) async fn watcher_that_is_slow_ends_up_with_the_latest_state(ctx: &Context) -> Outcome {
    let mut slow = ctx.watch().watch(&ctx.unique("scope"), b"").await?;
    let keys = (0..6).map(|number| ctx.key(number.to_string())).collect();
    write_rounds(Arc::clone(ctx.kv_there()), keys, 500).await?;
    let wanted = present(ctx, 3).await?;
    Mirror::default().follow_until(ctx, &mut slow, &wanted).await
}

/// Writes every key once, so that a change that is lost stays lost; every second key is deleted a little later.
async fn write_each_once(key_value: Arc<dyn KeyValue>, keys: Vec<Key>) -> mcpg_cluster::Result<()> {
    const LATER: usize = 7;
    for (number, key) in keys.iter().enumerate() {
        key_value.put(key, Bytes::new(), Expect::Any, None).await?;
        let earlier = number.checked_sub(LATER).filter(|earlier| earlier % 2 == 1);
        if let Some(earlier) = earlier {
            key_value.delete(&keys[earlier], Expect::Any).await?;
        }
        tokio::task::yield_now().await;
    }
    for key in keys.iter().skip(1).step_by(2) {
        key_value.delete(key, Expect::Any).await?;
    }
    Ok(())
}

/// Writes every key in every round; every second key is deleted again each time.
async fn write_rounds(key_value: Arc<dyn KeyValue>, keys: Vec<Key>, rounds: u32) -> mcpg_cluster::Result<()> {
    for round in 0..rounds {
        for (number, key) in keys.iter().enumerate() {
            let value = Bytes::from(round.to_be_bytes().to_vec());
            key_value.put(key, value, Expect::Any, None).await?;
            if number % 2 == 1 {
                key_value.delete(key, Expect::Any).await?;
            }
        }
        tokio::task::yield_now().await;
    }
    Ok(())
}

type State = BTreeMap<Bytes, Entry>;

/// The state of the case's scope as a list shows it.
async fn present(ctx: &Context, wanted: usize) -> Outcome<State> {
    let scope = ctx.unique("scope");
    let entries = ctx
        .list(&scope, b"", 1000, |entries| entries.len() == wanted)
        .await?;
    Ok(collect(entries))
}

fn collect(entries: Vec<NamedEntry>) -> State {
    entries
        .into_iter()
        .map(|named| (named.name, named.entry))
        .collect()
}

/// What a reader of a watch knows.
#[derive(Default)]
struct Mirror {
    state: Option<State>,
    newest: BTreeMap<Bytes, Version>,
}

impl Mirror {
    async fn follow_until(&mut self, ctx: &Context, stream: &mut WatchStream, wanted: &State) -> Outcome {
        while self.state.as_ref() != Some(wanted) {
            let what = format!("the state is {:?} and should become {wanted:?}", self.state);
            let event = ctx.next(&what, stream).await?;
            self.apply(event)?;
        }
        Ok(())
    }

    fn apply(&mut self, event: WatchEvent) -> Outcome {
        match (event, &mut self.state) {
            (WatchEvent::Snapshot(entries), None) => self.replace(entries),
            (WatchEvent::Snapshot(_), Some(_)) => Err(Failure::new("a second snapshot came")),
            (_, None) => Err(Failure::new("a change came before the snapshot")),
            (WatchEvent::Resync(entries), Some(_)) => self.replace(entries),
            (WatchEvent::Delete { name }, Some(state)) => {
                state.remove(&name);
                Ok(())
            }
            (WatchEvent::Put(named), Some(state)) => {
                state.insert(named.name.clone(), named.entry.clone());
                self.ensure_newer(&named)
            }
        }
    }

    fn replace(&mut self, entries: Vec<NamedEntry>) -> Outcome {
        for named in &entries {
            self.ensure_newer(named)?;
        }
        self.state = Some(collect(entries));
        Ok(())
    }

    fn ensure_newer(&mut self, named: &NamedEntry) -> Outcome {
        let version = named.entry.version;
        let before = self.newest.insert(named.name.clone(), version);
        let message = format!("{:?} went back from {before:?} to {version:?}", named.name);
        ensure(before <= Some(version), message)
    }
}
