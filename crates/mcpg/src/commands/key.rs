//! `mcpg key new`: a fresh key for a client.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mcpg_config::app::ApiKey;
use sha2::{Digest as _, Sha256};

use super::print;
use crate::failure::Failure;

/// 256 bits: what nobody can guess needs no slow hash.
const RANDOM: usize = 32;

/// Makes a key and shows it together with what belongs into the configuration.
pub(super) fn new(name: &str) -> Result<(), Failure> {
    let mut random = [0; RANDOM];
    getrandom::fill(&mut random).map_err(|error| {
        Failure::boot(
            &format!("the system gives no random numbers: {error}"),
            "try again on a healthy system",
        )
    })?;
    let key = format!("{}{}", ApiKey::PREFIX, URL_SAFE_NO_PAD.encode(random));
    let digest = hexadecimal(&Sha256::digest(key.as_bytes()));
    print(&format!(
        "key:    {key}\nsha256: {digest}\n\n\
         # The client sends:  Authorization: Bearer KEY\n\
         # The configuration gets (the key itself is not shown again):\n\
         governance:\n  access:\n    api_keys:\n      - name: {name:?}\n        sha256: {digest:?}"
    ))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
