//! Keeps the catalogue up to date with what the upstreams offer.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tracing::{info, warn};

use super::catalogue::{Collision, Member, build};
use super::core::Router;
use super::{Kind, catalogue::Catalogue};
use crate::inspector::UpstreamReport;
use crate::upstream::State;

/// Two things that clients would call by the same name.
#[derive(Debug, Clone)]
pub(crate) struct NameCollision {
    pub(crate) kind: &'static str,
    pub(crate) name: String,
    pub(crate) first: String,
    pub(crate) second: String,
}

impl Router {
    /// Starts the upstreams and waits until each was reached or found dead, for `limit` at the most.
    pub(crate) async fn connect(self: &Arc<Self>, limit: Duration) {
        for (_, upstream) in &self.members {
            self.tasks
                .spawn(Arc::clone(upstream).supervise(self.stop.clone()));
        }
        let mut first_looks = JoinSet::new();
        for (_, upstream) in &self.members {
            let mut states = upstream.states();
            first_looks.spawn(async move {
                // An error means that the supervisor has stopped; then there is nothing to wait for.
                let _ = states.wait_for(|state| !state.status.is_connecting()).await;
            });
        }
        let _ = tokio::time::timeout(limit, first_looks.join_all()).await;
    }

    /// Builds the catalogue for the first time.
    ///
    /// # Errors
    /// The names that two of the operator's sources share.
    pub(crate) fn open_catalogue(&self) -> Result<(), Vec<NameCollision>> {
        let collisions = self.rebuild_where_changed();
        let (names, uris): (Vec<_>, Vec<_>) = collisions.into_iter().partition(|collision| collision.unique);
        report(&uris);
        if names.is_empty() {
            return Ok(());
        }
        Err(names
            .into_iter()
            .map(|collision| NameCollision {
                kind: collision.kind,
                name: collision.identity,
                first: collision.first,
                second: collision.second,
            })
            .collect())
    }

    /// Rebuilds the catalogue whenever an upstream's offer or state changes, until the gateway stops.
    pub(crate) fn follow_members(self: &Arc<Self>) {
        let (wake, mut woken) = tokio::sync::mpsc::channel::<()>(1);
        for (_, upstream) in &self.members {
            let mut states = upstream.states();
            let wake = wake.clone();
            let stop = self.stop.clone();
            self.tasks.spawn(async move {
                while let Some(Ok(())) = stop.run_until_cancelled(states.changed()).await {
                    // A full channel means that a rebuild is due anyway.
                    let _ = wake.try_send(());
                }
            });
        }
        drop(wake);
        self.follow_levels();
        let router = Arc::clone(self);
        self.tasks.spawn(async move {
            let mut reported = HashSet::new();
            let stop = router.stop.clone();
            while let Some(Some(())) = stop.run_until_cancelled(woken.recv()).await {
                let fresh: Vec<Collision> = router
                    .rebuild_where_changed()
                    .into_iter()
                    .filter(|collision| reported.insert(collision.clone()))
                    .collect();
                report(&fresh);
            }
        });
    }

    /// Announces changes, tells them to clients, and hears what is subscribed to, until the gateway stops.
    fn follow_levels(self: &Arc<Self>) {
        let until_stop = |work: std::pin::Pin<Box<dyn Future<Output = ()> + Send>>| {
            let stop = self.stop.clone();
            self.tasks
                .spawn(async move { stop.run_until_cancelled(work).await });
        };
        until_stop(Box::pin(Arc::clone(self).tell_levels()));
        for at in 0..self.members.len() {
            until_stop(Box::pin(Arc::clone(self).announce_lists(at)));
            until_stop(Box::pin(Arc::clone(self).follow_updates(at)));
        }
    }

    /// What is known of each upstream.
    pub(crate) fn report_members(&self) -> Vec<UpstreamReport> {
        self.members
            .iter()
            .map(|(_, upstream)| upstream.report())
            .collect()
    }

    /// How many things of each kind clients of the legacy era can list.
    pub(crate) fn listed(&self, kind: Kind) -> usize {
        self.catalogue
            .load()
            .of(mcpg_mcp::version::Era::Legacy)
            .section(kind)
            .listed_count()
    }

    /// Builds the catalogue anew, unless it was built from what is known now.
    pub(super) fn rebuild_where_changed(&self) -> Vec<Collision> {
        // One at a time, so that what was built from older states never replaces what was built from newer ones.
        let mut built_from = self.built_from.lock();
        let states: Vec<Arc<State>> = self
            .members
            .iter()
            .map(|(_, upstream)| upstream.state())
            .collect();
        let is_the_same = |then: &Vec<Arc<State>>| {
            states.len() == then.len() && states.iter().zip(then).all(|(now, then)| Arc::ptr_eq(now, then))
        };
        if built_from.as_ref().is_some_and(is_the_same) {
            return Vec::new();
        }
        let members: Vec<Member<'_>> = self
            .members
            .iter()
            .zip(&states)
            .map(|((federation, _), state)| Member { federation, state })
            .collect();
        let (catalogue, collisions): (Catalogue, _) = build(&self.own, &members, &self.cursors);
        self.catalogue.store(Arc::new(catalogue));
        *built_from = Some(states);
        collisions
    }
}

fn report(collisions: &[Collision]) {
    for collision in collisions {
        let Collision {
            kind,
            identity,
            first,
            second,
            unique,
        } = collision;
        if *unique {
            warn!(
                message = "Two sources offer the same name; the first one is used.",
                kind, identity, first, second
            );
        } else {
            info!(
                message = "Two sources offer the same URI; the first one is used.",
                kind, identity, first, second
            );
        }
    }
}
