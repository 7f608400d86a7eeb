//! The capabilities of this replica, each on what it inherits.

use std::sync::Arc;
use std::time::Duration;

use mcpg_capabilities::calls::{Calls, CallsConfig};
use mcpg_capabilities::catalogues::Catalogues;
use mcpg_capabilities::delivery::LogLimits;
use mcpg_capabilities::delivery::get::{GetConfig, GetParts, GetStreams};
use mcpg_capabilities::fleet::Fleet;
use mcpg_capabilities::inherit::{Bus, Records};
use mcpg_capabilities::levels::{Levels, LevelsParts};
use mcpg_capabilities::mac::MacKey;
use mcpg_capabilities::mailbox::{Mailbox, MailboxConfig};
use mcpg_capabilities::sessions::{Sessions, SessionsConfig, SessionsParts};
use mcpg_capabilities::subscriptions::{Subscriptions, SubscriptionsConfig, SubscriptionsParts};
use mcpg_config::app::{Delivery, Server};

use crate::member::OPERATION_TIMEOUT;
use crate::places::SessionStore;

/// The calls, whose heads and logs are in `records`.
pub(crate) fn calls(records: &Records, fleet: &Fleet, record_ttl: Duration, delivery: &Delivery) -> Calls {
    let config = CallsConfig {
        patience: OPERATION_TIMEOUT,
        stale_reads: records.support.stale_reads,
        max_value_bytes: records.support.max_value_bytes,
        max_ttl: records.support.max_ttl,
        limits: limits(delivery),
        bytes_per_principal: delivery.bytes_per_principal,
        ..CallsConfig::new(fleet.replica().boot().clone(), record_ttl)
    };
    Calls::new(
        Arc::clone(&records.key_value),
        Arc::clone(fleet.replica()) as _,
        Arc::clone(fleet.clock()),
        config,
    )
    .in_formats(Arc::clone(fleet.formats()))
}

/// The GET streams of client sessions, whose records are in `records`.
pub(crate) fn gets(
    records: &Records,
    fleet: &Fleet,
    mac: &MacKey,
    record_ttl: Duration,
    delivery: &Delivery,
) -> GetStreams {
    let parts = GetParts {
        key_value: Arc::clone(&records.key_value),
        judge: Arc::clone(fleet.replica()) as _,
        living: Arc::clone(fleet.replica()) as _,
        mac: mac.clone(),
    };
    let config = GetConfig {
        boot: fleet.replica().boot().clone(),
        record_ttl,
        patience: OPERATION_TIMEOUT,
        stale_reads: records.support.stale_reads,
        max_ttl: records.support.max_ttl,
        max_value_bytes: records.support.max_value_bytes,
        limits: limits(delivery),
    };
    GetStreams::new(parts, config).in_formats(Arc::clone(fleet.formats()))
}

fn limits(delivery: &Delivery) -> LogLimits {
    LogLimits {
        max_events: delivery.max_events,
        max_bytes: delivery.max_bytes,
        max_age: delivery.max_age,
    }
}

/// The mail of this replica.
pub(crate) fn mailbox(fleet: &Fleet) -> Mailbox {
    Mailbox::new(
        Arc::clone(&fleet.primitives().key_value),
        Arc::clone(&fleet.primitives().pubsub),
        Arc::clone(fleet.clock()),
        MailboxConfig::new(fleet.replica().boot().clone(), fleet.support().min_ttl),
    )
    .in_formats(Arc::clone(fleet.formats()))
}

/// The directory of client sessions.
pub(crate) fn sessions(store: SessionStore, fleet: &Fleet, server: &Server) -> Arc<Sessions> {
    Arc::new(Sessions::new(SessionsParts {
        key_value: store.records.key_value,
        mac: store.mac,
        view: Arc::clone(fleet.view()),
        incarnation: store.incarnation,
        support: store.records.support,
        config: SessionsConfig {
            idle_timeout: server.session_idle_timeout,
            max_sessions: server.max_sessions,
        },
    }))
}

/// The levels of lists and resources.
pub(crate) fn levels(bus: &Bus, fleet: &Fleet) -> Arc<Levels> {
    Levels::new(LevelsParts {
        key_value: Arc::clone(&bus.records.key_value),
        pubsub: Arc::clone(&bus.pubsub),
        incarnation: Arc::clone(fleet.incarnation()),
        formats: Arc::clone(fleet.formats()),
    })
}

/// The lists of the upstreams, as far as replicas agree on them.
pub(crate) fn catalogues(records: &Records, fleet: &Fleet, levels: &Arc<Levels>) -> Catalogues {
    let key_value = Arc::clone(&records.key_value);
    Catalogues::new(key_value, Arc::clone(fleet.view()), Arc::clone(levels))
}

/// What sessions, whose records live for `record_ttl`, are subscribed to.
pub(crate) fn subscriptions(
    records: &Records,
    fleet: &Fleet,
    mailbox: &Mailbox,
    levels: &Arc<Levels>,
    record_ttl: Duration,
) -> Subscriptions {
    Subscriptions::new(SubscriptionsParts {
        key_value: Arc::clone(&records.key_value),
        replica: Arc::clone(fleet.replica()),
        mailbox: mailbox.clone(),
        levels: Arc::clone(levels),
        formats: Arc::clone(fleet.formats()),
        config: SubscriptionsConfig {
            // As long as what must be closed when a session has ended.
            ttl: record_ttl * 2,
            patience: OPERATION_TIMEOUT,
        },
    })
}
