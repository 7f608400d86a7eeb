//! KeyValue: sizes.

use bytes::Bytes;
use mcpg_cluster::{ErrorKind, Expect, Key, LARGEST_NAME_BYTES};

use crate::failure::{ensure, ensure_equal, ensure_refused};
use crate::{Context, Outcome, hostile};

/// Values above this are not tried: some backends take half a gigabyte.
pub(crate) const LARGEST_TRIED: usize = 16 * 1024 * 1024;

pub(crate) async fn put_of_the_largest_value_is_read_back_whole(ctx: &Context) -> Outcome {
    let key = ctx.key("key");
    let value = pattern(ctx.support().max_value_bytes.min(LARGEST_TRIED));
    ctx.kv().put(&key, value.clone(), Expect::Absent, None).await?;
    let found = ctx.read_value(&key, Some(&value)).await?;
    ensure(found == Some(value), "the largest value came back changed")
}

pub(crate) async fn put_of_a_value_above_the_largest_is_refused(ctx: &Context) -> Outcome {
    let key = ctx.key("key");
    let largest = ctx.support().max_value_bytes;
    if largest < LARGEST_TRIED {
        let refused = ctx.kv().put(&key, pattern(largest + 1), Expect::Any, None).await;
        ensure_refused("a value above the largest", refused, ErrorKind::TooLarge)?;
    }
    let found = ctx.read_value(&key, None).await?;
    ensure_equal("the key after a refused put", &found, &None)
}

pub(crate) async fn put_takes_names_up_to_the_longest_and_refuses_longer_ones(ctx: &Context) -> Outcome {
    let (x, y) = (ctx.key(hostile::longest(b'x')), ctx.key(hostile::longest(b'y')));
    for key in [&x, &y] {
        let value = key.name.slice(LARGEST_NAME_BYTES - 1..);
        ctx.kv().put(key, value, Expect::Absent, None).await?;
    }
    let found = ctx.read_value(&x, Some(b"x")).await?;
    ensure_equal(
        "the value of the longest name",
        &found,
        &Some(Bytes::from_static(b"x")),
    )?;
    let too_long = Bytes::from(vec![b'x'; LARGEST_NAME_BYTES + 1]);
    let keys = [ctx.key(too_long.clone()), Key::new(too_long, "name")];
    for key in keys {
        let refused = ctx.kv().put(&key, Bytes::new(), Expect::Any, None).await;
        ensure_refused("a longer name", refused, ErrorKind::TooLarge)?;
    }
    Ok(())
}

/// Bytes that show when a part of them is missing or repeated.
pub(crate) fn pattern(length: usize) -> Bytes {
    (0..length)
        .map(|position| (position % 251) as u8)
        .collect::<Vec<u8>>()
        .into()
}
