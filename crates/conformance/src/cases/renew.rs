//! Lease: keeping and giving back.

use bytes::Bytes;
use mcpg_cluster::{ErrorKind, Holder, Token};
use tokio::time::Instant;

use super::acquire::granted;
use crate::failure::{ensure, ensure_equal, ensure_refused};
use crate::{Context, Outcome};

pub(crate) async fn renew_makes_the_lease_outlast_its_first_ttl(ctx: &Context) -> Outcome {
    let ttl = ctx.short_ttl();
    let (token, granted_at) = ctx
        .timely(ttl, async |attempt| {
            let mut short = ctx.lease_request("a", ttl)?;
            short.name = ctx.unique(&attempt.to_string());
            let grant = granted(ctx, &short).await?;
            let granted_at = Instant::now();
            let mut long = short.clone();
            long.ttl = ctx.long_ttl();
            ctx.lease().renew(&long, grant.token).await?;
            Ok(((short.name, grant), granted_at))
        })
        .await?;
    let (name, grant) = token;
    ctx.until_expired(granted_at, grant.ttl).await;
    let mut other = ctx.lease_request("b", ctx.long_ttl())?;
    other.name = name;
    let answer = ctx.lease_there().acquire(&other).await?;
    ensure_equal("the answer to another after the first ttl", &answer, &None)
}

pub(crate) async fn renew_keeps_the_token(ctx: &Context) -> Outcome {
    let request = ctx.lease_request("a", ctx.long_ttl())?;
    let grant = granted(ctx, &request).await?;
    for _ in 0..3 {
        let renewed = ctx.lease().renew(&request, grant.token).await?;
        ensure_equal("the token of the renewal", &renewed.token, &grant.token)?;
        ensure(renewed.ttl >= request.ttl, "the renewal is shorter than asked")?;
    }
    Ok(())
}

pub(crate) async fn renew_with_an_older_token_is_refused(ctx: &Context) -> Outcome {
    let request = ctx.lease_request("a", ctx.long_ttl())?;
    let old = granted(ctx, &request).await?.token;
    ctx.lease().release(&request.name, old).await?;
    let request = ctx.lease_request("a", ctx.long_ttl())?;
    let present = granted(ctx, &request).await?.token;
    for other in [old, Token::new(present.get() + 1)] {
        let refused = ctx.lease().renew(&request, other).await;
        ensure_refused("a renewal with another token", refused, ErrorKind::NotHeld)?;
    }
    ctx.lease().renew(&request, present).await?;
    Ok(())
}

pub(crate) async fn renew_after_expiry_is_refused(ctx: &Context) -> Outcome {
    let request = ctx.lease_request("a", ctx.short_ttl())?;
    let grant = granted(ctx, &request).await?;
    ctx.until_expired(Instant::now(), grant.ttl).await;
    let refused = ctx.lease().renew(&request, grant.token).await;
    ensure_refused("a renewal after the expiry", refused, ErrorKind::NotHeld)?;
    let holder = ctx.lease().holder(&request.name).await?;
    ensure_equal("the holder after the refused renewal", &holder, &None)
}

pub(crate) async fn renew_after_release_is_refused(ctx: &Context) -> Outcome {
    let request = ctx.lease_request("a", ctx.long_ttl())?;
    let grant = granted(ctx, &request).await?;
    ctx.lease().release(&request.name, grant.token).await?;
    let refused = ctx.lease().renew(&request, grant.token).await;
    ensure_refused("a renewal after the release", refused, ErrorKind::NotHeld)
}

pub(crate) async fn release_frees_the_lease_at_once(ctx: &Context) -> Outcome {
    let request = ctx.lease_request("a", ctx.long_ttl())?;
    let grant = granted(ctx, &request).await?;
    ctx.lease().release(&request.name, grant.token).await?;
    let start = Instant::now();
    let other = ctx.lease_request("b", ctx.long_ttl())?;
    let answer = ctx.lease_there().acquire(&other).await?;
    ensure(answer.is_some(), "the released lease is not free")?;
    ensure(
        start.elapsed() < ctx.patience(),
        "the released lease was granted late",
    )
}

pub(crate) async fn release_with_an_older_token_changes_nothing(ctx: &Context) -> Outcome {
    let first = ctx.lease_request("a", ctx.long_ttl())?;
    let old = granted(ctx, &first).await?.token;
    ctx.lease().release(&first.name, old).await?;
    let second = ctx.lease_request("a", ctx.long_ttl())?;
    let present = granted(ctx, &second).await?.token;
    ctx.lease().release(&first.name, old).await?;
    let third = ctx.lease_request("b", ctx.long_ttl())?;
    let answer = ctx.lease_there().acquire(&third).await?;
    ensure_equal("the answer to another after a late release", &answer, &None)?;
    ctx.lease().renew(&second, present).await?;
    Ok(())
}

pub(crate) async fn release_of_a_free_lease_succeeds(ctx: &Context) -> Outcome {
    let request = ctx.lease_request("a", ctx.long_ttl())?;
    ctx.lease().release(&request.name, Token::new(1)).await?;
    let grant = granted(ctx, &request).await?;
    ctx.lease().release(&request.name, grant.token).await?;
    ctx.lease().release(&request.name, grant.token).await?;
    let holder = ctx.lease().holder(&request.name).await?;
    ensure_equal("the holder of the free lease", &holder, &None)
}

pub(crate) async fn holder_of_a_free_lease_is_none(ctx: &Context) -> Outcome {
    let request = ctx.lease_request("a", ctx.short_ttl())?;
    let never = ctx.lease().holder(&request.name).await?;
    ensure_equal("the holder of a lease never taken", &never, &None)?;
    let grant = granted(ctx, &request).await?;
    ctx.until_expired(Instant::now(), grant.ttl).await;
    let expired = ctx.lease().holder(&request.name).await?;
    ensure_equal("the holder of an expired lease", &expired, &None)
}

pub(crate) async fn holder_names_the_holder_and_its_token(ctx: &Context) -> Outcome {
    let request = ctx.lease_request("a", ctx.long_ttl())?;
    let grant = granted(ctx, &request).await?;
    let wanted = Some(Holder {
        holder: Bytes::from_static(b"a"),
        token: grant.token,
    });
    for _ in 0..2 {
        let read = async || Ok(ctx.lease_there().holder(&request.name).await?);
        let holder = ctx.reread(read, |holder| *holder == wanted).await?;
        ensure_equal("the holder", &holder, &wanted)?;
        ctx.lease().renew(&request, grant.token).await?;
    }
    Ok(())
}
