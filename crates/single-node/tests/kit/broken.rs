//! Coordinators with one fault each, on top of a correct one.

mod key_value;
mod lease;
mod others;

use std::sync::Arc;

use async_trait::async_trait;
use mcpg_cluster::{ConnectionStream, Coordinator, Primitives, Result, Support};
use mcpg_conformance::Backend;
use mcpg_single_node::SingleNode;

use self::key_value::BrokenKeyValue;
use self::lease::BrokenLease;
use self::others::{BrokenPresence, BrokenPubSub, BrokenWatch};

/// What a coordinator does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    TouchRevivesExpired,
    PutIgnoresAbsent,
    VersionsRestartAfterDelete,
    SameValueIsNotWritten,
    TtlIsForgottenByPut,
    EntriesExpireEarly,
    ListIsUnordered,
    ListIgnoresTheLimit,
    ListSkipsAfterDelete,
    ScopesAreJoinedToNames,
    DeleteIgnoresTheVersion,
    TokensRepeat,
    ReleaseIgnoresTheToken,
    RenewIgnoresTheToken,
    NonceIsIgnored,
    WatchLosesTheChangesWhileItStarts,
    WatchShowsNoExpiry,
    WatchTellsInOrderOfNames,
    WatchTellsDeletesLast,
    LeaseTtlIsTooShort,
    NodeHasNoName,
    SubscribeReturnsEarly,
    SlowSubscriberHearsOfNoGap,
    LeaveLooksLikeACrash,
    CloseIsIgnored,
}

/// A fresh deployment whose replicas all have the fault.
pub(crate) struct BrokenBackend {
    memory: SingleNode,
    fault: Fault,
    key_value: Arc<key_value::Kept>,
    lease: Arc<lease::Kept>,
}

impl BrokenBackend {
    pub(crate) fn new(fault: Fault) -> Self {
        Self {
            memory: SingleNode::new(),
            fault,
            key_value: Arc::default(),
            lease: Arc::default(),
        }
    }
}

#[async_trait]
impl Backend for BrokenBackend {
    async fn open(&self) -> Result<Arc<dyn Coordinator>> {
        let inner = self.memory.another_replica();
        let right = inner.primitives().clone();
        let fault = self.fault;
        let primitives = Primitives {
            key_value: Arc::new(BrokenKeyValue {
                inner: right.key_value,
                fault,
                kept: Arc::clone(&self.key_value),
            }),
            lease: Arc::new(BrokenLease {
                inner: right.lease,
                fault,
                kept: Arc::clone(&self.lease),
            }),
            pubsub: Arc::new(BrokenPubSub {
                inner: right.pubsub,
                fault,
            }),
            watch: Arc::new(BrokenWatch {
                inner: right.watch,
                fault,
            }),
            presence: Arc::new(BrokenPresence {
                inner: right.presence,
                fault,
            }),
        };
        Ok(Arc::new(Broken {
            inner,
            primitives,
            fault,
        }))
    }
}

struct Broken {
    inner: SingleNode,
    primitives: Primitives,
    fault: Fault,
}

#[async_trait]
impl Coordinator for Broken {
    fn kind(&self) -> &str {
        "broken"
    }

    fn node(&self) -> &str {
        match self.fault {
            Fault::NodeHasNoName => "",
            _ => self.inner.node(),
        }
    }

    fn support(&self) -> Support {
        let mut support = self.inner.support();
        if self.fault == Fault::LeaseTtlIsTooShort {
            support.lease_ttl = support.min_ttl / 2;
        }
        support
    }

    fn primitives(&self) -> &Primitives {
        &self.primitives
    }

    fn connection(&self) -> ConnectionStream {
        self.inner.connection()
    }

    async fn close(&self) -> Result<()> {
        if self.fault == Fault::CloseIsIgnored {
            return Ok(());
        }
        self.inner.close().await
    }
}
