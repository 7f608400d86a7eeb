//! Presence.

use bytes::Bytes;
use mcpg_cluster::{ErrorKind, PeerEvent, PeerEventStream, PeerId, PeerInfo};

use crate::failure::{ensure, ensure_equal, ensure_refused};
use crate::{Context, Failure, Outcome};

pub(crate) async fn join_makes_the_peer_visible_to_every_replica(ctx: &Context) -> Outcome {
    let peer = peer("node", "boot");
    let stay = ctx.presence().join(peer.clone()).await?;
    for presence in [ctx.presence(), ctx.presence_there()] {
        ctx.eventually("the peer in the list", async || {
            let peers = presence.peers().await?;
            Ok((peers == std::slice::from_ref(&peer)).then_some(()))
        })
        .await?;
    }
    Ok(stay.leave().await?)
}

pub(crate) async fn join_of_a_peer_that_is_present_is_refused(ctx: &Context) -> Outcome {
    let stay = ctx.presence().join(peer("node", "boot")).await?;
    let second = ctx.presence_there().join(peer("node", "boot")).await;
    ensure_refused("a second stay", second.map(|_| "a stay"), ErrorKind::Conflict)?;
    let other_boot = ctx.presence_there().join(peer("node", "other boot")).await?;
    other_boot.leave().await?;
    Ok(stay.leave().await?)
}

pub(crate) async fn join_again_after_leaving_succeeds(ctx: &Context) -> Outcome {
    let mut events = ctx.presence_there().peer_events().await?;
    for _ in 0..2 {
        let stay = ctx.presence().join(peer("node", "boot")).await?;
        ensure_next(ctx, &mut events, PeerEvent::Joined(peer("node", "boot"))).await?;
        stay.leave().await?;
        ensure_next(ctx, &mut events, PeerEvent::Left(peer("node", "boot").id)).await?;
    }
    Ok(())
}

pub(crate) async fn peers_of_an_empty_deployment_are_none(ctx: &Context) -> Outcome {
    let peers = ctx.presence().peers().await?;
    ensure_equal("the peers", &peers, &Vec::new())
}

pub(crate) async fn peers_are_ordered_by_id(ctx: &Context) -> Outcome {
    let mut stays = Vec::new();
    let ids = [("b", "1"), ("a", "2"), ("c", "0"), ("a", "1"), ("a b/*", "1")];
    for (node, boot) in ids {
        stays.push(ctx.presence().join(peer(node, boot)).await?);
    }
    let mut wanted: Vec<PeerInfo> = ids.iter().map(|(node, boot)| peer(node, boot)).collect();
    wanted.sort_by(|one, other| one.id.cmp(&other.id));
    ctx.eventually("the peers in order", async || {
        let peers = ctx.presence_there().peers().await?;
        ensure(
            peers.is_sorted_by_key(|peer| &peer.id),
            "the peers are not in order",
        )?;
        Ok((peers == wanted).then_some(()))
    })
    .await?;
    for stay in stays {
        stay.leave().await?;
    }
    Ok(())
}

pub(crate) async fn peer_events_begin_with_those_present(ctx: &Context) -> Outcome {
    let first = ctx.presence().join(peer("a", "1")).await?;
    let second = ctx.presence_there().join(peer("b", "1")).await?;
    let mut events = ctx.presence().peer_events().await?;
    let mut joined = Vec::new();
    for _ in 0..2 {
        match ctx.next("a peer that is present", &mut events).await? {
            PeerEvent::Joined(peer) => joined.push(peer.id.node),
            event => return Err(Failure::new(format!("an event before all joined: {event:?}"))),
        }
    }
    joined.sort();
    ensure_equal(
        "the nodes at the start",
        &joined,
        &vec!["a".to_owned(), "b".to_owned()],
    )?;
    first.leave().await?;
    ensure_next(ctx, &mut events, PeerEvent::Left(peer("a", "1").id)).await?;
    Ok(second.leave().await?)
}

pub(crate) async fn peer_events_come_once_per_change(ctx: &Context) -> Outcome {
    let mut here = ctx.presence().peer_events().await?;
    let mut there = ctx.presence_there().peer_events().await?;
    for round in 0..3 {
        let boot = round.to_string();
        let stay = ctx.presence().join(peer("node", &boot)).await?;
        for events in [&mut here, &mut there] {
            ensure_next(ctx, events, PeerEvent::Joined(peer("node", &boot))).await?;
        }
        stay.leave().await?;
        for events in [&mut here, &mut there] {
            ensure_next(ctx, events, PeerEvent::Left(peer("node", &boot).id)).await?;
        }
    }
    Ok(())
}

pub(crate) async fn leave_says_left_at_once(ctx: &Context) -> Outcome {
    let mut events = ctx.presence_there().peer_events().await?;
    let stay = ctx.presence().join(peer("node", "boot")).await?;
    ensure_next(ctx, &mut events, PeerEvent::Joined(peer("node", "boot"))).await?;
    stay.leave().await?;
    ensure_next(ctx, &mut events, PeerEvent::Left(peer("node", "boot").id)).await
}

pub(crate) async fn leave_removes_the_peer_from_the_list(ctx: &Context) -> Outcome {
    let leaving = ctx.presence().join(peer("a", "1")).await?;
    let staying = ctx.presence().join(peer("b", "1")).await?;
    leaving.leave().await?;
    for presence in [ctx.presence(), ctx.presence_there()] {
        ctx.eventually("the list without the peer that left", async || {
            let peers = presence.peers().await?;
            Ok((peers == [peer("b", "1")]).then_some(()))
        })
        .await?;
    }
    Ok(staying.leave().await?)
}

pub(crate) async fn membership_dropped_without_leaving_ends_as_unreachable(ctx: &Context) -> Outcome {
    let mut events = ctx.presence_there().peer_events().await?;
    let stay = ctx.presence().join(peer("node", "boot")).await?;
    ensure_next(ctx, &mut events, PeerEvent::Joined(peer("node", "boot"))).await?;
    drop(stay);
    let min_ttl = ctx.support().min_ttl;
    let bound = min_ttl + ctx.support().ttl_slack.of(min_ttl) + ctx.patience();
    ctx.eventually_within(bound, "the list without the peer", async || {
        Ok(ctx.presence_there().peers().await?.is_empty().then_some(()))
    })
    .await?;
    ensure_next(ctx, &mut events, PeerEvent::Unreachable(peer("node", "boot").id)).await
}

fn peer(node: &str, boot: &str) -> PeerInfo {
    PeerInfo {
        id: PeerId {
            node: node.to_owned(),
            boot: boot.to_owned(),
        },
        details: Bytes::from(format!("{node}\0{boot}\u{ff}")),
    }
}

async fn ensure_next(ctx: &Context, events: &mut PeerEventStream, wanted: PeerEvent) -> Outcome {
    let event = ctx.next(&format!("{wanted:?}"), events).await?;
    ensure_equal("the event", &event, &wanted)
}
