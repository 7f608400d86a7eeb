//! The listener for operators.

use super::BindAddress;

/// The `gateway.admin` block.
#[derive(Debug, Clone)]
pub struct Admin {
    /// Where it listens; `None` is nowhere.
    pub bind_address: Option<BindAddress>,
}
