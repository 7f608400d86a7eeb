//! From the contract's types to those that cross, and back.

use std::error::Error as StdError;
use std::time::Duration;

use bytes::Bytes;
use mcpg_cluster::{
    Entry, Error, ErrorKind, Expect, Grant, Key, LeaseRequest, NamedEntry, Nonce, PeerId, PeerInfo, Result,
    Retry, Support, Survival, TokenSurvival, TtlClock, Version, WatchChanges,
};
use mcpg_plugin_abi::{
    AbiEntry, AbiError, AbiExpect, AbiGrant, AbiLeaseRequest, AbiNamedEntry, AbiPair, AbiPeerId, AbiPeerInfo,
    AbiResult, AbiSupport, AbiSurvival, RResult, RSlice, RVec, code, error_kind, expect, retry,
};

/// How many causes of an error are passed on.
const CAUSES: usize = 8;

pub(crate) fn result<T>(result: Result<T>) -> AbiResult<T> {
    match result {
        Ok(value) => RResult::ROk(value),
        Err(error) => RResult::RErr(self::error(&error)),
    }
}

pub(crate) fn error(error: &Error) -> AbiError {
    let pair = |name: &str, value: &str| AbiPair {
        name: name.into(),
        value: value.into(),
    };
    let mut context: Vec<_> = error.context().map(|(name, value)| pair(name, value)).collect();
    let causes = std::iter::successors(error.source(), |cause: &&dyn StdError| (*cause).source());
    context.extend(causes.take(CAUSES).map(|cause| pair("cause", &cause.to_string())));
    AbiError {
        kind: match error.kind() {
            ErrorKind::Conflict => error_kind::CONFLICT,
            ErrorKind::NotHeld => error_kind::NOT_HELD,
            ErrorKind::Unavailable => error_kind::UNAVAILABLE,
            ErrorKind::Indeterminate => error_kind::INDETERMINATE,
            ErrorKind::Invalid => error_kind::INVALID,
            ErrorKind::TooLarge => error_kind::TOO_LARGE,
            ErrorKind::Denied => error_kind::DENIED,
            ErrorKind::Closed => error_kind::CLOSED,
            _ => error_kind::INTERNAL,
        },
        retry: match error.retry() {
            Retry::Safe => retry::SAFE,
            Retry::ReadFirst => retry::READ_FIRST,
            Retry::Never => retry::NEVER,
        },
        message: error.message().into(),
        context: context.into(),
    }
}

/// Both parts in one allocation where they are as short as nearly all keys are: this is on the way of every call.
pub(crate) fn key(scope: RSlice<'_, u8>, name: RSlice<'_, u8>) -> Key {
    let (scope, name) = (scope.as_slice(), name.as_slice());
    let Some(joined) = Joined::new(scope, name) else {
        return Key::copied(scope, name);
    };
    let mut name = Bytes::from_owner(joined);
    let scope = name.split_to(scope.len());
    Key::new(scope, name)
}

/// A scope and the name behind it.
struct Joined {
    bytes: [u8; Self::ROOM],
    length: usize,
}

impl Joined {
    const ROOM: usize = 120;

    fn new(scope: &[u8], name: &[u8]) -> Option<Self> {
        let length = scope.len() + name.len();
        let mut bytes = [0; Self::ROOM];
        let (first, rest) = bytes.split_at_mut_checked(scope.len())?;
        first.copy_from_slice(scope);
        rest.get_mut(..name.len())?.copy_from_slice(name);
        Some(Self { bytes, length })
    }
}

impl AsRef<[u8]> for Joined {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

pub(crate) fn bytes(bytes: RVec<u8>) -> Bytes {
    Bytes::from(bytes.into_vec())
}

pub(crate) fn expectation(expectation: AbiExpect) -> Result<Expect> {
    match expectation.what {
        expect::ANY => Ok(Expect::Any),
        expect::ABSENT => Ok(Expect::Absent),
        expect::VERSION => Ok(Expect::Version(Version::new(expectation.version))),
        _ => Err(Error::new(
            ErrorKind::Invalid,
            "an expectation that this plugin does not know",
        )),
    }
}

pub(crate) fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

pub(crate) fn entry(entry: Entry) -> AbiEntry {
    AbiEntry {
        value: RVec::from(Vec::from(entry.value)),
        version: entry.version.get(),
    }
}

pub(crate) fn named_entry(named: NamedEntry) -> AbiNamedEntry {
    AbiNamedEntry {
        name: RVec::from(Vec::from(named.name)),
        entry: entry(named.entry),
    }
}

pub(crate) fn lease_request(request: AbiLeaseRequest) -> LeaseRequest {
    let nonce = u128::from(request.nonce_high) << 64 | u128::from(request.nonce_low);
    LeaseRequest {
        name: bytes(request.name),
        holder: bytes(request.holder),
        ttl: Duration::from_nanos(request.ttl),
        nonce: Nonce::from_u128(nonce),
    }
}

pub(crate) fn grant(grant: Grant) -> AbiGrant {
    AbiGrant {
        token: grant.token.get(),
        ttl: nanoseconds(grant.ttl),
        renew_after: nanoseconds(grant.renew_after),
    }
}

pub(crate) fn peer_id(id: PeerId) -> AbiPeerId {
    AbiPeerId {
        node: id.node.into(),
        boot: id.boot.into(),
    }
}

pub(crate) fn peer_info(info: PeerInfo) -> AbiPeerInfo {
    AbiPeerInfo {
        id: peer_id(info.id),
        details: RVec::from(Vec::from(info.details)),
    }
}

pub(crate) fn peer_from(info: AbiPeerInfo) -> PeerInfo {
    PeerInfo {
        id: PeerId {
            node: info.id.node.into(),
            boot: info.id.boot.into(),
        },
        details: bytes(info.details),
    }
}

/// What this SDK does not know yet crosses as the weakest alternative.
pub(crate) fn support(support: &Support) -> AbiSupport {
    AbiSupport {
        acked_survives_crash: survival(support.acked_survives_crash),
        acked_survives_failover: support.acked_survives_failover.map(survival).into(),
        stale_reads: nanoseconds(support.stale_reads),
        tokens_survive_memory_loss: match support.tokens_survive_memory_loss {
            TokenSurvival::ClockOnly => code::TOKENS_CLOCK_ONLY,
            TokenSurvival::UnlessRestored => code::TOKENS_UNLESS_RESTORED,
            TokenSurvival::Yes => code::TOKENS_YES,
            _ => code::TOKENS_NO,
        },
        ttl_clock: match support.ttl_clock {
            TtlClock::Local => code::CLOCK_LOCAL,
            TtlClock::Server => code::CLOCK_SERVER,
            TtlClock::LeaderTimer => code::CLOCK_LEADER,
            _ => code::CLOCK_SERVER_WALL,
        },
        watch_changes: match support.watch_changes {
            WatchChanges::Every => code::CHANGES_EVERY,
            _ => code::CHANGES_LATEST,
        },
        watch_sees_expiry: support.watch_sees_expiry,
        ttl_slack_fixed: nanoseconds(support.ttl_slack.fixed),
        ttl_slack_percent: support.ttl_slack.percent_of_ttl,
        min_ttl: nanoseconds(support.min_ttl),
        max_ttl: support.max_ttl.map(nanoseconds).into(),
        lease_ttl: nanoseconds(support.lease_ttl),
        watch_lag: nanoseconds(support.watch_lag),
        max_value_bytes: support.max_value_bytes as u64,
        max_message_bytes: support.max_message_bytes as u64,
    }
}

fn survival(survival: Survival) -> AbiSurvival {
    let (what, loses) = match survival {
        Survival::AllButLast(loses) => (code::SURVIVES_ALL_BUT_LAST, loses),
        Survival::ProcessCrash { machine_crash_loses } => (code::SURVIVES_PROCESS_CRASH, machine_crash_loses),
        Survival::Yes => (code::SURVIVES_ALL, Duration::ZERO),
        _ => (code::SURVIVES_NOTHING, Duration::ZERO),
    };
    AbiSurvival {
        what,
        loses: nanoseconds(loses),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_any_length_arrive_whole() {
        let bytes: Vec<u8> = (0..=u8::MAX).collect();
        for (scope, name) in [
            (0, 0),
            (0, 120),
            (120, 0),
            (60, 60),
            (60, 61),
            (121, 0),
            (0, 121),
            (200, 256),
        ] {
            let (scope, name) = (&bytes[..scope], &bytes[bytes.len() - name..]);
            let arrived = key(RSlice::from_slice(scope), RSlice::from_slice(name));
            assert_eq!(arrived, Key::copied(scope, name));
        }
    }
}
