//! What one replica has of one principal's budget.

use std::collections::VecDeque;
use std::time::Duration;

use mcpg_cluster::{Moment, Version};

use crate::owner::OwnerPair;

/// What is used of it and what is taken.
#[derive(Debug, Default)]
pub(super) struct Purse {
    /// The bytes of all streams here, those that have ended lately included.
    pub(super) used: u64,
    /// What may be used without asking. Never more than stands in the record.
    pub(super) reserved: u64,
    /// The streams that have ended, and until when their bytes count.
    pub(super) ended: VecDeque<(Moment, u64)>,
    /// Who takes: the owner of the streams.
    pub(super) owner: Option<OwnerPair>,
    /// Until when no room is known to be left.
    pub(super) refused_until: Option<Moment>,
    /// Whether the record says what is reserved here; a write of unknown outcome leaves it open.
    pub(super) is_settled: bool,
    /// The version of the record that `reserved` is from, and when its write was sent.
    known: Option<(Version, Moment)>,
}

impl Purse {
    /// The record says so in this version.
    pub(super) fn stands(&mut self, bytes: u64, version: Version, sent: Moment) {
        // Two streams may take at the same time; the later version has both.
        if self.known.is_none_or(|(known, _)| known < version) {
            self.reserved = bytes;
            self.known = Some((version, sent));
            self.is_settled = true;
        }
    }

    /// How much is to be reserved for what is used.
    pub(super) fn needs(&self, chunk: u64, free: u64) -> u64 {
        if self.used <= free {
            return 0;
        }
        self.used.div_ceil(chunk).saturating_mul(chunk)
    }

    /// Whether there is nothing to remember, after letting go of what has ended long enough ago.
    pub(super) fn is_idle(&mut self, now: Moment) -> bool {
        while let Some((until, bytes)) = self.ended.front()
            && *until <= now
        {
            self.used = self.used.saturating_sub(*bytes);
            self.ended.pop_front();
        }
        let is_settled = self.is_settled || self.known.is_none();
        self.used == 0 && self.reserved == 0 && is_settled && self.ended.is_empty()
    }

    /// Whether the record is to be written, because it names more than is needed, may be about to expire, or may not say
    /// what is thought here. What is given back is not counted on from now on.
    pub(super) fn prepare(&mut self, now: Moment, chunk: u64, free: u64, renew_after: Duration) -> bool {
        let needed = self.needs(chunk, free);
        // A chunk more than needed is kept: otherwise one would come and go with each event.
        let is_too_much = self.reserved > needed + chunk || (needed == 0 && self.reserved > 0);
        if is_too_much {
            self.reserved = needed;
        }
        let Some((_, sent)) = self.known else {
            return false;
        };
        let is_old = self.reserved > 0 && now.saturating_since(sent) >= renew_after;
        is_too_much || is_old || !self.is_settled
    }
}
