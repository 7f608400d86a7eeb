//! KeyValue: several writers at once.

use std::sync::Arc;

use bytes::Bytes;
use mcpg_cluster::{ErrorKind, Expect, Key, KeyValue, KeyValueExt, Version};

use crate::failure::{ensure, ensure_equal};
use crate::{Context, Failure, Outcome};

const WRITERS: u8 = 8;
const ROUNDS: usize = 5;

pub(crate) async fn puts_racing_for_one_version_have_one_winner(ctx: &Context) -> Outcome {
    let key = ctx.key("key");
    let mut version = ctx.kv().put(&key, Bytes::new(), Expect::Absent, None).await?;
    for _ in 0..ROUNDS {
        version = ensure_one_winner(ctx, &key, Expect::Version(version)).await?;
    }
    Ok(())
}

pub(crate) async fn puts_racing_to_create_have_one_winner(ctx: &Context) -> Outcome {
    for round in 0..ROUNDS {
        let key = ctx.key(round.to_string());
        ensure_one_winner(ctx, &key, Expect::Absent).await?;
    }
    Ok(())
}

/// Lets all writers put at once and makes sure that one succeeds, that its value stays and that the others conflict.
async fn ensure_one_winner(ctx: &Context, key: &Key, expect: Expect) -> Outcome<Version> {
    let racing: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let replica = Arc::clone(if writer % 2 == 0 { ctx.kv() } else { ctx.kv_there() });
            let key = key.clone();
            tokio::spawn(async move {
                let value = Bytes::from(vec![writer]);
                (writer, replica.put(&key, value, expect, None).await)
            })
        })
        .collect();
    let mut winners = Vec::new();
    for writer in racing {
        match writer.await {
            Ok((writer, Ok(version))) => winners.push((writer, version)),
            Ok((_, Err(error))) if error.kind() == ErrorKind::Conflict => {}
            Ok((_, Err(error))) => return Err(error.into()),
            Err(error) => return Err(Failure::new(format!("a writer ended early: {error}"))),
        }
    }
    ensure_equal("the number of winners", &winners.len(), &1)?;
    let (winner, version) = winners[0];
    let found = ctx.read_value(key, Some(&[winner])).await?;
    ensure_equal(
        "the value after the race",
        &found,
        &Some(Bytes::from(vec![winner])),
    )?;
    Ok(version)
}

pub(crate) async fn update_applies_every_racing_change_exactly_once(ctx: &Context) -> Outcome {
    const CHANGES: usize = 5;
    let key = ctx.key("key");
    let racing: Vec<_> = (0..3_u8)
        .map(|writer| {
            let replica = Arc::clone(if writer % 2 == 0 { ctx.kv() } else { ctx.kv_there() });
            tokio::spawn(append_repeatedly(replica, key.clone(), writer, CHANGES))
        })
        .collect();
    for writer in racing {
        match writer.await {
            Ok(outcome) => outcome?,
            Err(error) => return Err(Failure::new(format!("a writer ended early: {error}"))),
        }
    }
    let has_all = |entry: &Option<mcpg_cluster::Entry>| {
        entry
            .as_ref()
            .is_some_and(|entry| entry.value.len() == 3 * CHANGES)
    };
    let entry = ctx.read(&key, has_all).await?;
    let value = entry.map(|entry| entry.value).unwrap_or_default();
    for writer in 0..3_u8 {
        let applied = value.iter().filter(|byte| **byte == writer).count();
        ensure(
            applied == CHANGES,
            format!("{applied} of {CHANGES} changes of writer {writer} are there"),
        )?;
    }
    Ok(())
}

async fn append_repeatedly(
    key_value: Arc<dyn KeyValue>,
    key: Key,
    writer: u8,
    changes: usize,
) -> mcpg_cluster::Result<()> {
    for _ in 0..changes {
        key_value
            .update(&key, None, |entry| {
                let mut value = entry.map(|entry| entry.value.to_vec()).unwrap_or_default();
                value.push(writer);
                Ok(Some(value.into()))
            })
            .await?;
    }
    Ok(())
}
