//! From the types that cross to those of the contract, and back. Unknown numbers count as the weakest.

use std::time::Duration;

use bytes::Bytes;
use mcpg_cluster::{
    Entry, Error, ErrorKind, Expect, Grant, LeaseRequest, NamedEntry, PeerId, PeerInfo, Result, Retry,
    Support, Survival, Token, TokenSurvival, TtlClock, TtlSlack, Version, WatchChanges,
};
use mcpg_plugin_abi::{
    AbiEntry, AbiError, AbiExpect, AbiGrant, AbiLeaseRequest, AbiNamedEntry, AbiPeerId, AbiPeerInfo,
    AbiResult, AbiSupport, AbiSurvival, RResult, RSlice, RVec, code, error_kind, expect, retry,
};

pub(crate) fn result<T>(result: AbiResult<T>) -> Result<T> {
    match result {
        RResult::ROk(value) => Ok(value),
        RResult::RErr(error) => Err(self::error(error)),
    }
}

pub(crate) fn error(error: AbiError) -> Error {
    let kind = match error.kind {
        error_kind::CONFLICT => ErrorKind::Conflict,
        error_kind::NOT_HELD => ErrorKind::NotHeld,
        error_kind::UNAVAILABLE => ErrorKind::Unavailable,
        error_kind::INDETERMINATE => ErrorKind::Indeterminate,
        error_kind::INVALID => ErrorKind::Invalid,
        error_kind::TOO_LARGE => ErrorKind::TooLarge,
        error_kind::DENIED => ErrorKind::Denied,
        error_kind::CLOSED => ErrorKind::Closed,
        _ => ErrorKind::Internal,
    };
    let retry = match error.retry {
        retry::SAFE => Retry::Safe,
        retry::READ_FIRST => Retry::ReadFirst,
        _ => Retry::Never,
    };
    let built = Error::new(kind, error.message).with_retry(retry);
    error.context.into_iter().fold(built, |built, pair| {
        built.with_context(pair.name.into_string(), pair.value)
    })
}

pub(crate) fn slice(bytes: &[u8]) -> RSlice<'_, u8> {
    RSlice::from_slice(bytes)
}

/// Copies, since a vector that is handed over must be the receiver's alone.
pub(crate) fn vector(bytes: &[u8]) -> RVec<u8> {
    RVec::from(bytes.to_vec())
}

/// Takes the plugin's vector as it is; it is freed by the plugin's allocator when the last reader is done.
pub(crate) fn bytes(bytes: RVec<u8>) -> Bytes {
    struct Owned(RVec<u8>);
    impl AsRef<[u8]> for Owned {
        fn as_ref(&self) -> &[u8] {
            self.0.as_slice()
        }
    }
    Bytes::from_owner(Owned(bytes))
}

pub(crate) fn expectation(expectation: Expect) -> AbiExpect {
    let (what, version) = match expectation {
        Expect::Any => (expect::ANY, 0),
        Expect::Absent => (expect::ABSENT, 0),
        Expect::Version(version) => (expect::VERSION, version.get()),
    };
    AbiExpect { what, version }
}

pub(crate) fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

pub(crate) fn entry(entry: AbiEntry) -> Entry {
    Entry {
        value: bytes(entry.value),
        version: Version::new(entry.version),
    }
}

pub(crate) fn named_entry(named: AbiNamedEntry) -> NamedEntry {
    NamedEntry {
        name: bytes(named.name),
        entry: entry(named.entry),
    }
}

pub(crate) fn lease_request(request: &LeaseRequest) -> AbiLeaseRequest {
    let nonce = request.nonce.as_u128();
    AbiLeaseRequest {
        name: vector(&request.name),
        holder: vector(&request.holder),
        ttl: nanoseconds(request.ttl),
        nonce_high: (nonce >> 64) as u64,
        nonce_low: nonce as u64,
    }
}

pub(crate) fn grant(grant: AbiGrant) -> Grant {
    Grant {
        token: Token::new(grant.token),
        ttl: Duration::from_nanos(grant.ttl),
        renew_after: Duration::from_nanos(grant.renew_after),
    }
}

pub(crate) fn peer_id(id: AbiPeerId) -> PeerId {
    PeerId {
        node: id.node.into_string(),
        boot: id.boot.into_string(),
    }
}

pub(crate) fn peer_info(info: AbiPeerInfo) -> PeerInfo {
    PeerInfo {
        id: peer_id(info.id),
        details: bytes(info.details),
    }
}

pub(crate) fn peer_for_plugin(info: PeerInfo) -> AbiPeerInfo {
    AbiPeerInfo {
        id: AbiPeerId {
            node: info.id.node.into(),
            boot: info.id.boot.into(),
        },
        details: vector(&info.details),
    }
}

pub(crate) fn support(from: &AbiSupport) -> Support {
    let mut support = Support::weakest();
    support.acked_survives_crash = survival(from.acked_survives_crash);
    support.acked_survives_failover = from.acked_survives_failover.into_option().map(survival);
    support.stale_reads = Duration::from_nanos(from.stale_reads);
    support.tokens_survive_memory_loss = match from.tokens_survive_memory_loss {
        code::TOKENS_CLOCK_ONLY => TokenSurvival::ClockOnly,
        code::TOKENS_UNLESS_RESTORED => TokenSurvival::UnlessRestored,
        code::TOKENS_YES => TokenSurvival::Yes,
        _ => TokenSurvival::No,
    };
    support.ttl_clock = match from.ttl_clock {
        code::CLOCK_LOCAL => TtlClock::Local,
        code::CLOCK_SERVER => TtlClock::Server,
        code::CLOCK_LEADER => TtlClock::LeaderTimer,
        _ => TtlClock::ServerWallClock,
    };
    support.watch_changes = match from.watch_changes {
        code::CHANGES_EVERY => WatchChanges::Every,
        _ => WatchChanges::Latest,
    };
    support.watch_sees_expiry = from.watch_sees_expiry;
    support.ttl_slack = TtlSlack {
        fixed: Duration::from_nanos(from.ttl_slack_fixed),
        percent_of_ttl: from.ttl_slack_percent,
    };
    support.min_ttl = Duration::from_nanos(from.min_ttl);
    support.max_ttl = from.max_ttl.into_option().map(Duration::from_nanos);
    support.lease_ttl = Duration::from_nanos(from.lease_ttl);
    support.watch_lag = Duration::from_nanos(from.watch_lag);
    support.max_value_bytes = usize::try_from(from.max_value_bytes).unwrap_or(usize::MAX);
    support.max_message_bytes = usize::try_from(from.max_message_bytes).unwrap_or(usize::MAX);
    support
}

fn survival(from: AbiSurvival) -> Survival {
    let loses = Duration::from_nanos(from.loses);
    match from.what {
        code::SURVIVES_ALL_BUT_LAST => Survival::AllButLast(loses),
        code::SURVIVES_PROCESS_CRASH => Survival::ProcessCrash {
            machine_crash_loses: loses,
        },
        code::SURVIVES_ALL => Survival::Yes,
        _ => Survival::No,
    }
}
