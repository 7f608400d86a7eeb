//! Random bytes from the operating system.

/// Fills an array with random bytes.
///
/// # Panics
/// When the operating system has no randomness to give: no id and no nonce may then be minted.
pub(crate) fn bytes<const N: usize>() -> [u8; N] {
    #[cfg(test)]
    if let Some(bytes) = crate::simulation::seeded_bytes() {
        return bytes;
    }
    let mut bytes = [0; N];
    match getrandom::fill(&mut bytes) {
        Ok(()) => bytes,
        Err(error) => panic!("the operating system gives no random bytes: {error}"),
    }
}
