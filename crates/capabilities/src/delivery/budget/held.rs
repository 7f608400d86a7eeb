//! What one stream has of a budget.

use mcpg_cluster::Result;

use super::{Budgets, OverBudget};
use crate::owner::OwnerPair;
use crate::store::Writer;

/// What one stream holds of a budget. When it is dropped, its bytes count for a while longer.
#[derive(Debug)]
pub(crate) struct Held {
    budgets: Budgets,
    principal: String,
    pub(super) bytes: u64,
}

impl Held {
    pub(super) fn new(budgets: Budgets, principal: String) -> Self {
        Self {
            budgets,
            principal,
            bytes: 0,
        }
    }

    /// Says how many bytes the stream is about to hold. Nothing changes where that is refused or fails.
    ///
    /// # Errors
    /// Why the record could not be read or written.
    pub(crate) async fn resize(
        &mut self,
        bytes: u64,
        writer: &Writer,
        owner: &OwnerPair,
    ) -> Result<std::result::Result<(), OverBudget>> {
        let before = self.bytes;
        // Counted before anything is awaited: this future may be dropped.
        self.set(bytes);
        let budgets = self.budgets.clone();
        if bytes <= before || budgets.is_covered(&self.principal) {
            return Ok(Ok(()));
        }
        let taken = budgets.take(&self.principal, writer, owner).await;
        if !matches!(taken, Ok(Ok(()))) {
            self.set(before);
        }
        taken
    }

    /// Says how many bytes the stream holds, whether or not there is room for them.
    pub(crate) fn set(&mut self, bytes: u64) {
        let mut purses = self.budgets.inner.purses.lock();
        let purse = purses.entry(self.principal.clone()).or_default();
        purse.used = (purse.used + bytes).saturating_sub(self.bytes);
        self.bytes = bytes;
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.bytes > 0 {
            let inner = &self.budgets.inner;
            let until = inner.clock.now() + inner.config.linger;
            let mut purses = inner.purses.lock();
            let purse = purses.entry(std::mem::take(&mut self.principal)).or_default();
            purse.ended.push_back((until, self.bytes));
        }
    }
}
