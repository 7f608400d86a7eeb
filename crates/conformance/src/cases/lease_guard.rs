//! LeaseGuard on the coordinator's leases.

use std::sync::Arc;
use std::time::Duration;

use mcpg_cluster::{LeaseGuard, LeaseGuardOptions, LeaseRequest, TokioClock};
use tokio::time::{Instant, sleep, timeout};

use super::acquire::granted;
use crate::failure::{ensure, ensure_equal};
use crate::{Context, Failure, Outcome};

pub(crate) async fn guard_of_a_held_lease_is_none(ctx: &Context) -> Outcome {
    let held = ctx.lease_request("a", ctx.long_ttl())?;
    let grant = granted(ctx, &held).await?;
    let request = ctx.lease_request("b", ctx.long_ttl())?;
    let guard = LeaseGuard::acquire(Arc::clone(ctx.lease_there()), request, options()).await?;
    ensure(guard.is_none(), "a held lease has a second guard")?;
    ctx.lease().renew(&held, grant.token).await?;
    Ok(())
}

pub(crate) async fn guard_keeps_the_lease_beyond_its_ttl(ctx: &Context) -> Outcome {
    let ttl = guard_ttl(ctx);
    for attempt in 0..5 {
        let mut request = ctx.lease_request("a", ttl)?;
        request.name = ctx.unique(&attempt.to_string());
        let guard = guarded(ctx, request.clone()).await?;
        let (kept, stall) = watch_guard(ctx, &guard).await;
        let Err(failure) = kept else {
            return Ok(guard.release().await?);
        };
        // A machine that stands still for this long starves the guard as well: nobody is to blame.
        if stall < ttl / 6 {
            return Err(failure);
        }
    }
    Err(Failure::new("this machine was never fast enough to keep a lease"))
}

/// Looks at a guard for longer than its TTL, and says how long this took no turn at worst.
async fn watch_guard(ctx: &Context, guard: &LeaseGuard) -> (Outcome, Duration) {
    let (ttl, mut stall) = (guard.request().ttl, Duration::ZERO);
    let pause = ttl / 20;
    let end = Instant::now() + ttl + ctx.support().ttl_slack.of(ttl);
    while Instant::now() < end {
        let turn = Instant::now();
        let outcome = ensure_kept(ctx, guard).await;
        sleep(pause).await;
        stall = stall.max(turn.elapsed().saturating_sub(pause));
        if outcome.is_err() {
            return (outcome, stall);
        }
    }
    (ensure_kept(ctx, guard).await, stall)
}

async fn ensure_kept(ctx: &Context, guard: &LeaseGuard) -> Outcome {
    ensure(guard.is_valid(), "the guard became invalid")?;
    let mut other = ctx.lease_request("b", guard.request().ttl)?;
    other.name = guard.request().name.clone();
    let answer = ctx.lease_there().acquire(&other).await?;
    ensure_equal("the answer to another", &answer, &None)?;
    let holder = ctx.lease().holder(&other.name).await?;
    let token = holder.map(|holder| holder.token);
    ensure_equal("the token", &token, &Some(guard.token()))
}

pub(crate) async fn guard_that_is_dropped_lets_the_lease_expire(ctx: &Context) -> Outcome {
    let ttl = ctx.short_ttl();
    let guard = guarded(ctx, ctx.lease_request("a", ttl)?).await?;
    let validity = guard.validity();
    drop(guard);
    let dropped = Instant::now();
    ensure(!validity.is_valid(), "a dropped guard is valid")?;
    ctx.until_expired(dropped, ttl).await;
    let other = ctx.lease_request("b", ctx.long_ttl())?;
    let answer = ctx.lease_there().acquire(&other).await?;
    ensure(answer.is_some(), "the lease of a dropped guard is still held")
}

pub(crate) async fn guard_says_when_its_lease_is_lost(ctx: &Context) -> Outcome {
    let ttl = guard_ttl(ctx);
    let guard = guarded(ctx, ctx.lease_request("a", ttl)?).await?;
    ctx.lease_there()
        .release(&guard.request().name, guard.token())
        .await?;
    let lost = timeout(ttl + ctx.patience(), guard.lost()).await;
    ensure(lost.is_ok(), "the loss is not signalled within the ttl")?;
    ensure(!guard.is_valid(), "a lost guard is valid")
}

pub(crate) async fn guard_release_frees_the_lease_at_once(ctx: &Context) -> Outcome {
    let guard = guarded(ctx, ctx.lease_request("a", ctx.long_ttl())?).await?;
    let (validity, token) = (guard.validity(), guard.token());
    guard.release().await?;
    ensure(!validity.is_valid(), "a released guard is valid")?;
    let other = ctx.lease_request("b", ctx.long_ttl())?;
    let answer = ctx.lease_there().acquire(&other).await?;
    let next = answer.map(|grant| grant.token);
    ensure(
        next > Some(token),
        format!("the next token is {next:?} after {token:?}"),
    )
}

async fn guarded(ctx: &Context, request: LeaseRequest) -> Outcome<LeaseGuard> {
    let guard = LeaseGuard::acquire(Arc::clone(ctx.lease()), request, options()).await?;
    guard.ok_or_else(|| Failure::new("a free lease has no guard"))
}

/// Longer than the shortest TTL of the cases: between two renewals a busy machine may stall for a while.
fn guard_ttl(ctx: &Context) -> Duration {
    ctx.short_ttl().max(Duration::from_secs(2))
}

/// Measures on tokio's clock, so that the cases also run in paused time.
fn options() -> LeaseGuardOptions {
    LeaseGuardOptions {
        clock: Arc::new(TokioClock::new()),
        margin: None,
    }
}
