//! The one place that decides what each capability stands on: the coordinator, or something of this process alone.
//!
//! A capability gets its primitives from [`Inherited`] and from nowhere else. What the fleet itself needs to be one -
//! leases, the view, the mailbox, the list of boots - is no capability and always rests on the coordinator.

use std::fmt;
use std::sync::Arc;

use mcpg_cluster::{Coordinator, KeyValue, PubSub, Support};

/// Where the records of a capability are.
#[derive(Clone)]
pub struct Records {
    /// Where they are read and written.
    pub key_value: Arc<dyn KeyValue>,
    /// What is guaranteed there.
    pub support: Support,
    /// Whether the other replicas find them there.
    pub is_shared: bool,
}

/// Where the records of a capability are, and how replicas hear of changes to them.
#[derive(Clone)]
pub struct Bus {
    /// The records.
    pub records: Records,
    /// The wake-ups.
    pub pubsub: Arc<dyn PubSub>,
}

/// What is not to be inherited from the coordinator.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// Client sessions.
    pub sessions: Option<Records>,
    /// The streams of legacy clients: heads, logs, queues and levels.
    pub delivery: Option<Bus>,
    /// Whether a cancel reaches no other replica.
    pub is_cancellation_local: bool,
    /// Who is interested in which resource, and who holds the upstream's subscription.
    pub subscriptions: Option<Records>,
}

/// What each capability stands on.
#[derive(Clone, Debug)]
pub struct Inherited {
    /// Client sessions.
    pub sessions: Records,
    /// The streams of legacy clients: heads, logs, queues and levels.
    pub delivery: Bus,
    /// Cancels that are to reach other replicas; `None` where they stay. A cancel stands in the head of its call, since
    /// with two records a response could follow it: so this is the delivery's, or nothing.
    pub cancellation: Option<Bus>,
    /// Who is interested in which resource, and who holds the upstream's subscription.
    pub subscriptions: Records,
}

impl Inherited {
    /// Gives each capability the coordinator's primitives, or what overrides them.
    pub fn new(coordinator: &dyn Coordinator, overrides: Overrides) -> Self {
        let shared = Bus::of(coordinator, true);
        let delivery = overrides.delivery.unwrap_or_else(|| shared.clone());
        Self {
            sessions: overrides.sessions.unwrap_or_else(|| shared.records.clone()),
            cancellation: (!overrides.is_cancellation_local).then(|| delivery.clone()),
            delivery,
            subscriptions: overrides.subscriptions.unwrap_or(shared.records),
        }
    }
}

impl Bus {
    /// A coordinator that serves this process alone, in the place of the one that replicas share.
    pub fn of_this_process(coordinator: &dyn Coordinator) -> Self {
        Self::of(coordinator, false)
    }

    fn of(coordinator: &dyn Coordinator, is_shared: bool) -> Self {
        let primitives = coordinator.primitives();
        Self {
            records: Records {
                key_value: Arc::clone(&primitives.key_value),
                support: coordinator.support(),
                is_shared,
            },
            pubsub: Arc::clone(&primitives.pubsub),
        }
    }
}

impl fmt::Debug for Records {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Records")
            .field("is_shared", &self.is_shared)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Bus {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Bus")
            .field("records", &self.records)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use mcpg_single_node::SingleNode;

    use super::*;

    fn same(one: &Records, other: &dyn Coordinator) -> bool {
        Arc::ptr_eq(&one.key_value, &other.primitives().key_value)
    }

    #[test]
    fn every_capability_stands_on_the_coordinator_unless_said_otherwise() {
        let coordinator = SingleNode::new();
        let inherited = Inherited::new(&coordinator, Overrides::default());
        let cancellation = inherited.cancellation.unwrap();
        for records in [
            &inherited.sessions,
            &inherited.delivery.records,
            &cancellation.records,
            &inherited.subscriptions,
        ] {
            assert!(same(records, &coordinator) && records.is_shared);
        }
        for bus in [&inherited.delivery, &cancellation] {
            assert!(Arc::ptr_eq(&bus.pubsub, &coordinator.primitives().pubsub));
        }
    }

    #[test]
    fn an_override_moves_its_own_capability_alone() {
        let (coordinator, own) = (SingleNode::new(), SingleNode::new());
        let bus = Bus::of_this_process(&own);
        let sessions = Inherited::new(
            &coordinator,
            Overrides {
                sessions: Some(bus.records.clone()),
                ..Overrides::default()
            },
        );
        assert!(same(&sessions.sessions, &own) && !sessions.sessions.is_shared);
        assert!(
            same(&sessions.delivery.records, &coordinator) && same(&sessions.subscriptions, &coordinator)
        );
        let subscriptions = Inherited::new(
            &coordinator,
            Overrides {
                subscriptions: Some(bus.records),
                ..Overrides::default()
            },
        );
        assert!(same(&subscriptions.subscriptions, &own) && same(&subscriptions.sessions, &coordinator));
        let local = Inherited::new(
            &coordinator,
            Overrides {
                is_cancellation_local: true,
                ..Overrides::default()
            },
        );
        assert!(local.cancellation.is_none() && same(&local.delivery.records, &coordinator));
    }

    #[test]
    fn a_cancel_has_the_place_of_the_stream_whose_head_it_stands_in() {
        let (coordinator, own) = (SingleNode::new(), SingleNode::new());
        let inherited = Inherited::new(
            &coordinator,
            Overrides {
                delivery: Some(Bus::of_this_process(&own)),
                ..Overrides::default()
            },
        );
        assert!(same(&inherited.delivery.records, &own));
        assert!(same(&inherited.cancellation.unwrap().records, &own));
        assert!(Arc::ptr_eq(&inherited.delivery.pubsub, &own.primitives().pubsub));
        assert!(same(&inherited.sessions, &coordinator));
    }
}
