//! KeyValue: listing.

use bytes::Bytes;
use mcpg_cluster::{ErrorKind, Expect, Key, NamedEntry};
use tokio::time::Instant;

use crate::failure::{ensure, ensure_equal, ensure_refused};
use crate::{Context, Outcome, hostile};

const VALUE: Bytes = Bytes::from_static(b"value");
const MANY: usize = 1000;

pub(crate) async fn list_is_ordered_by_the_bytes_of_the_names(ctx: &Context) -> Outcome {
    let mut names = hostile::names();
    put_all(ctx, names.iter()).await?;
    names.sort();
    for limit in [1, 7, MANY] {
        let listed = listed_names(ctx, b"", limit, names.len()).await?;
        let message = format!("pages of {limit} are not in the order of the bytes or not complete");
        ensure(listed == names, message)?;
    }
    Ok(())
}

pub(crate) async fn list_stays_within_its_scope(ctx: &Context) -> Outcome {
    let scope = ctx.unique("scope");
    let mut others = vec![scope.slice(..scope.len() - 1)];
    for suffix in ["/", "/name", "*", ":", ".", "\0", " ", "x"] {
        others.push([&scope[..], suffix.as_bytes()].concat().into());
    }
    for other in &others {
        ctx.kv()
            .put(&Key::new(other.clone(), "other"), VALUE, Expect::Any, None)
            .await?;
    }
    put_all(ctx, [Bytes::from("name")].iter()).await?;
    let listed = listed_names(ctx, b"", MANY, 1).await?;
    ensure_equal("the names of the scope", &listed, &vec![Bytes::from("name")])
}

pub(crate) async fn list_takes_the_prefix_literally(ctx: &Context) -> Outcome {
    let names = hostile::names();
    put_all(ctx, names.iter()).await?;
    for prefix in [
        "a", "a/", "a.", "*", "?", "[a]", "\0", "a\0", " ", ">", "\\", "{a}", "%",
    ] {
        let prefix = prefix.as_bytes();
        let mut wanted: Vec<Bytes> = names.clone();
        wanted.retain(|name| name.starts_with(prefix));
        wanted.sort();
        let listed = listed_names(ctx, prefix, MANY, wanted.len()).await?;
        let what = format!("what starts with {}", prefix.escape_ascii());
        ensure(listed == wanted, format!("{what} is {listed:?}, not {wanted:?}"))?;
    }
    Ok(())
}

pub(crate) async fn list_pages_hold_at_most_the_limit(ctx: &Context) -> Outcome {
    let names = numbered(10);
    put_all(ctx, names.iter()).await?;
    for limit in [1, 3, 10, 11] {
        let count = async || {
            let pages = ctx.pages(&ctx.unique("scope"), b"", limit).await?;
            Ok(pages.iter().map(Vec::len).collect::<Vec<_>>())
        };
        let sizes = ctx
            .reread(count, |sizes| sizes.iter().sum::<usize>() == 10)
            .await?;
        let message = format!("pages with a limit of {limit} have the sizes {sizes:?}");
        ensure(sizes.iter().all(|size| *size <= limit), message)?;
        ensure_equal("the number of entries", &sizes.iter().sum(), &10)?;
    }
    Ok(())
}

pub(crate) async fn list_pages_give_every_unchanged_key_once(ctx: &Context) -> Outcome {
    let names = numbered(30);
    put_all(ctx, names.iter()).await?;
    listed_names(ctx, b"", MANY, names.len()).await?;
    let scope = ctx.unique("scope");
    let mut listed: Vec<Bytes> = Vec::new();
    let mut deleted: Vec<Bytes> = Vec::new();
    let mut cursor = None;
    for number in 1.. {
        let page = ctx.kv().list(&scope, b"", cursor.as_ref(), 4).await?;
        listed.extend(page.entries.into_iter().map(|entry| entry.name));
        let Some(next) = page.next else { break };
        cursor = Some(next);
        if let Some(last) = listed.last().cloned() {
            disturb(ctx, number, &last, &mut deleted).await?;
        }
    }
    for name in names.iter().filter(|name| !deleted.contains(name)) {
        let times = listed.iter().filter(|other| *other == name).count();
        ensure(times == 1, format!("{name:?} was listed {times} times"))?;
    }
    ensure(listed.is_sorted(), "the pages do not follow each other in order")
}

/// Changes the list around the place where a page ended: the entry there goes, or others come before or after it.
async fn disturb(ctx: &Context, page: usize, last: &Bytes, deleted: &mut Vec<Bytes>) -> Outcome {
    let kv = ctx.kv_there();
    match page % 3 {
        1 => {
            kv.delete(&ctx.key(last.clone()), Expect::Any).await?;
            deleted.push(last.clone());
        }
        2 => {
            let before = [b"0", &last[..]].concat();
            kv.put(&ctx.key(before), VALUE, Expect::Any, None).await?;
        }
        _ => {
            let after = [&last[..], b"x"].concat();
            kv.put(&ctx.key(after), VALUE, Expect::Any, None).await?;
        }
    }
    Ok(())
}

pub(crate) async fn list_leaves_out_expired_entries(ctx: &Context) -> Outcome {
    let ttl = ctx.short_ttl();
    for name in ["a", "c"] {
        ctx.kv()
            .put(&ctx.key(name), VALUE, Expect::Any, Some(ttl))
            .await?;
    }
    let acknowledged = Instant::now();
    ctx.kv().put(&ctx.key("b"), VALUE, Expect::Any, None).await?;
    ctx.until_expired(acknowledged, ttl).await;
    let listed = listed_names(ctx, b"", MANY, 1).await?;
    ensure_equal("the live names", &listed, &vec![Bytes::from("b")])
}

pub(crate) async fn list_gives_values_and_versions_as_get_does(ctx: &Context) -> Outcome {
    let names = numbered(5);
    let versions = put_all(ctx, names.iter()).await?;
    let wanted: Vec<_> = names.into_iter().zip(versions).collect();
    let flat = |entries: Vec<NamedEntry>| -> Vec<_> {
        let entries = entries.into_iter();
        entries.map(|named| (named.name, named.entry.version)).collect()
    };
    let scope = ctx.unique("scope");
    let listed = ctx
        .list(&scope, b"", 2, |entries| flat(entries.clone()) == wanted)
        .await?;
    for named in &listed {
        let is_same = |entry: &Option<_>| entry.as_ref() == Some(&named.entry);
        let entry = ctx.read(&ctx.key(named.name.clone()), is_same).await?;
        ensure_equal("the entry that get returns", &entry.as_ref(), &Some(&named.entry))?;
        ensure_equal("the listed value", &named.entry.value, &named.name)?;
    }
    ensure_equal("the listed versions", &flat(listed), &wanted)
}

pub(crate) async fn list_of_an_empty_scope_is_one_empty_page(ctx: &Context) -> Outcome {
    let page = ctx.kv().list(&ctx.unique("scope"), b"", None, 10).await?;
    ensure(page.entries.is_empty(), "an empty scope has entries")?;
    ensure(page.next.is_none(), "an empty scope has a second page")
}

pub(crate) async fn list_with_a_limit_of_zero_is_invalid(ctx: &Context) -> Outcome {
    let refused = ctx.kv().list(&ctx.unique("scope"), b"", None, 0).await;
    ensure_refused("a limit of zero", refused, ErrorKind::Invalid)
}

/// Writes each name with itself as its value and gives the versions.
async fn put_all(ctx: &Context, names: impl Iterator<Item = &Bytes>) -> Outcome<Vec<mcpg_cluster::Version>> {
    let mut versions = Vec::new();
    for name in names {
        let key = ctx.key(name.clone());
        versions.push(ctx.kv().put(&key, name.clone(), Expect::Any, None).await?);
    }
    Ok(versions)
}

async fn listed_names(ctx: &Context, prefix: &[u8], limit: usize, wanted: usize) -> Outcome<Vec<Bytes>> {
    let scope = ctx.unique("scope");
    let entries = ctx
        .list(&scope, prefix, limit, |entries| entries.len() == wanted)
        .await?;
    Ok(entries.into_iter().map(|entry| entry.name).collect())
}

fn numbered(count: usize) -> Vec<Bytes> {
    (0..count).map(|number| format!("{number:03}").into()).collect()
}
