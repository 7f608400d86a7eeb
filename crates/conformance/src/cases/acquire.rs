//! Lease: taking.

use std::sync::Arc;

use bytes::Bytes;
use mcpg_cluster::{ErrorKind, Expect, Grant, Key, LeaseRequest};
use tokio::time::Instant;

use crate::failure::{ensure, ensure_equal, ensure_refused};
use crate::{Context, Failure, Outcome, hostile};

pub(crate) async fn acquire_grants_a_free_lease(ctx: &Context) -> Outcome {
    let request = ctx.lease_request("a", ctx.long_ttl())?;
    let grant = granted(ctx, &request).await?;
    ensure(
        grant.ttl >= request.ttl,
        format!("the grant {grant:?} is shorter than asked"),
    )?;
    ensure(
        grant.renew_after < grant.ttl,
        format!("the grant {grant:?} is renewed too late"),
    )
}

pub(crate) async fn acquire_of_a_held_lease_returns_none(ctx: &Context) -> Outcome {
    let first = ctx.lease_request("a", ctx.long_ttl())?;
    granted(ctx, &first).await?;
    let other = ctx.lease_request("b", ctx.long_ttl())?;
    let answer = ctx.lease_there().acquire(&other).await?;
    ensure_equal("the answer to another", &answer, &None)?;
    let same_holder = ctx.lease_request("a", ctx.long_ttl())?;
    let answer = ctx.lease().acquire(&same_holder).await?;
    ensure_equal("the answer to the holder", &answer, &None)
}

pub(crate) async fn acquire_grants_a_lease_that_was_released(ctx: &Context) -> Outcome {
    let first = ctx.lease_request("a", ctx.long_ttl())?;
    let grant = granted(ctx, &first).await?;
    ctx.lease().release(&first.name, grant.token).await?;
    let second = ctx.lease_request("b", ctx.long_ttl())?;
    let answer = ctx.lease_there().acquire(&second).await?;
    ensure(answer.is_some(), "a released lease is not granted")
}

pub(crate) async fn acquire_grants_a_lease_that_has_expired(ctx: &Context) -> Outcome {
    let first = ctx.lease_request("a", ctx.short_ttl())?;
    let grant = granted(ctx, &first).await?;
    ctx.until_expired(Instant::now(), grant.ttl).await;
    let second = ctx.lease_request("b", ctx.long_ttl())?;
    let answer = ctx.lease_there().acquire(&second).await?;
    ensure(answer.is_some(), "an expired lease is not granted")
}

pub(crate) async fn acquire_never_grants_early(ctx: &Context) -> Outcome {
    let first = ctx.lease_request("a", ctx.short_ttl())?;
    // The time starts before the request, so a slow answer can only make the case milder.
    let sent = Instant::now();
    let grant = granted(ctx, &first).await?;
    let bound = grant.ttl + ctx.support().ttl_slack.of(grant.ttl) + ctx.patience();
    let taken_over = ctx
        .eventually_within(bound, "the take-over", async || {
            let second = ctx.lease_request("b", ctx.long_ttl())?;
            let answer = ctx.lease_there().acquire(&second).await?;
            Ok(answer.map(|_| sent.elapsed()))
        })
        .await?;
    let message = format!(
        "a lease of {:?} was granted again after {taken_over:?}",
        grant.ttl
    );
    ensure(taken_over >= grant.ttl, message)
}

pub(crate) async fn acquire_mints_a_greater_token_after_release(ctx: &Context) -> Outcome {
    let mut last = None;
    for round in 0..5 {
        let lease = if round % 2 == 0 {
            ctx.lease()
        } else {
            ctx.lease_there()
        };
        let request = ctx.lease_request("a", ctx.long_ttl())?;
        let grant = lease.acquire(&request).await?;
        let token = grant.map(|grant| grant.token);
        ensure(
            token > last,
            format!("token {token:?} after {last:?} is not greater"),
        )?;
        if let Some(token) = token {
            lease.release(&request.name, token).await?;
        }
        last = token;
    }
    Ok(())
}

pub(crate) async fn acquire_mints_a_greater_token_after_expiry(ctx: &Context) -> Outcome {
    let mut last = None;
    for _ in 0..3 {
        let request = ctx.lease_request("a", ctx.short_ttl())?;
        let grant = granted(ctx, &request).await?;
        let token = Some(grant.token);
        ensure(
            token > last,
            format!("token {token:?} after {last:?} is not greater"),
        )?;
        ctx.until_expired(Instant::now(), grant.ttl).await;
        last = token;
    }
    Ok(())
}

pub(crate) async fn acquire_repeated_with_its_nonce_returns_the_same_token(ctx: &Context) -> Outcome {
    let request = ctx.lease_request("a", ctx.long_ttl())?;
    let first = granted(ctx, &request).await?;
    let second = granted(ctx, &request).await?;
    ensure_equal("the token of the repeated request", &second.token, &first.token)?;
    ctx.lease().renew(&request, second.token).await?;
    let third = granted(ctx, &request).await?;
    ensure_equal("the token after a renewal", &third.token, &first.token)
}

pub(crate) async fn acquire_repeated_with_its_nonce_returns_none_after_a_successor(ctx: &Context) -> Outcome {
    let first = ctx.lease_request("a", ctx.long_ttl())?;
    let grant = granted(ctx, &first).await?;
    ctx.lease().release(&first.name, grant.token).await?;
    let second = ctx.lease_request("b", ctx.long_ttl())?;
    let successor = granted(ctx, &second).await?;
    let answer = ctx.lease().acquire(&first).await?;
    ensure_equal("the answer to the late copy", &answer, &None)?;
    ctx.lease().renew(&second, successor.token).await?;
    Ok(())
}

pub(crate) async fn acquires_racing_for_one_lease_have_one_winner(ctx: &Context) -> Outcome {
    for round in 0..5 {
        let name = ctx.unique(&round.to_string());
        let mut racing = Vec::new();
        for number in 0..8 {
            let lease = Arc::clone(if number % 2 == 0 {
                ctx.lease()
            } else {
                ctx.lease_there()
            });
            let holder = number.to_string();
            let request = LeaseRequest::new(name.clone(), holder, ctx.long_ttl())?;
            racing.push(tokio::spawn(async move { lease.acquire(&request).await }));
        }
        let mut winners = 0;
        for answer in racing {
            let answer = answer.await;
            let answer = answer.map_err(|error| Failure::new(format!("a racer ended early: {error}")))?;
            winners += usize::from(answer?.is_some());
        }
        ensure_equal("the number of winners", &winners, &1)?;
    }
    Ok(())
}

pub(crate) async fn acquire_keeps_hostile_lease_names_apart(ctx: &Context) -> Outcome {
    let scope = ctx.unique("lease");
    let mut held = Vec::new();
    for name in hostile::names() {
        let short = name.len() < 100;
        let name = if short {
            [&scope[..], &name[..]].concat().into()
        } else {
            name
        };
        ctx.kv()
            .put(&Key::new(name.clone(), ""), Bytes::new(), Expect::Any, None)
            .await?;
        let holder = Bytes::from(held.len().to_string());
        let request = LeaseRequest::new(name, holder, ctx.long_ttl())?;
        let grant = granted(ctx, &request).await?;
        held.push((request, grant.token));
    }
    for (request, token) in &held {
        let holder = ctx.lease().holder(&request.name).await?;
        let found = holder.map(|holder| (holder.holder, holder.token));
        ensure_equal("the holder", &found, &Some((request.holder.clone(), *token)))?;
    }
    let too_long = vec![b'x'; mcpg_cluster::LARGEST_NAME_BYTES + 1];
    let request = LeaseRequest::new(too_long, "a", ctx.long_ttl())?;
    let refused = ctx.lease().acquire(&request).await;
    ensure_refused("a name above the longest", refused, ErrorKind::TooLarge)
}

pub(crate) async fn acquire_with_a_ttl_out_of_bounds_is_refused(ctx: &Context) -> Outcome {
    for ttl in ctx.ttls_out_of_bounds() {
        let request = ctx.lease_request("a", ttl)?;
        let refused = ctx.lease().acquire(&request).await;
        ensure_refused(&format!("a ttl of {ttl:?}"), refused, ErrorKind::Invalid)?;
    }
    let answer = ctx.lease().holder(&ctx.unique("lease")).await?;
    ensure_equal("the holder after refused requests", &answer, &None)
}

/// Acquires a lease that must be free, or repeats a request.
pub(crate) async fn granted(ctx: &Context, request: &LeaseRequest) -> Outcome<Grant> {
    let answer = ctx.lease().acquire(request).await?;
    answer.ok_or_else(|| Failure::new(format!("the lease is not granted to {:?}", request.holder)))
}
