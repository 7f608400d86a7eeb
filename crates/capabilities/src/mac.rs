//! A message authentication code of 64 bits in every id that the gateway hands out.
//!
//! The key is made once per deployment and kept in the coordinator, so every replica accepts the ids of every other
//! one and refuses a forged id without a coordinator operation.

use std::hash::Hasher;
use std::sync::Arc;

use bytes::Bytes;
use mcpg_cluster::{Error, ErrorKind, Expect, Key, KeyValue};
use siphasher::sip::SipHasher24;

use crate::random;

/// The deployment's key for message authentication codes.
#[derive(Clone)]
pub struct MacKey {
    key: [u8; 16],
}

impl std::fmt::Debug for MacKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("MacKey(..)")
    }
}

impl MacKey {
    /// Takes a key that is already known.
    pub fn new(key: [u8; 16]) -> Self {
        Self { key }
    }

    /// Reads the deployment's key from the coordinator, or makes it where there is none yet.
    ///
    /// # Errors
    /// The coordinator's error, or [`ErrorKind::Internal`] when the stored key has another size.
    pub async fn load(key_value: &Arc<dyn KeyValue>) -> Result<Self, Error> {
        let place = Key::new("meta", "mac-key");
        loop {
            if let Some(entry) = key_value.get(&place).await? {
                let key = entry.value.as_ref().try_into().map_err(|_| {
                    Error::new(ErrorKind::Internal, "the stored mac key is not 16 bytes long")
                        .with_context("key", "meta/mac-key")
                })?;
                return Ok(Self::new(key));
            }
            let fresh = Bytes::copy_from_slice(&random::bytes::<16>());
            match key_value.put(&place, fresh, Expect::Absent, None).await {
                // Whatever happened, the next read tells which replica's key stands: a write that is never
                // replaced needs no nonce.
                Ok(_) => {}
                Err(error) if matches!(error.kind(), ErrorKind::Conflict | ErrorKind::Indeterminate) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Computes the code over `content` for ids of one `kind`, so that an id of one kind is no id of another.
    pub fn sign(&self, kind: &str, content: &[u8]) -> [u8; 8] {
        let mut hasher = SipHasher24::new_with_key(&self.key);
        hasher.write(kind.as_bytes());
        hasher.write(&[0]);
        hasher.write(content);
        hasher.finish().to_be_bytes()
    }

    /// Tells whether `code` is the code of `content`, in time that does not depend on where they differ.
    pub fn verify(&self, kind: &str, content: &[u8], code: &[u8]) -> bool {
        let expected = self.sign(kind, content);
        code.len() == expected.len()
            && expected
                .iter()
                .zip(code)
                .fold(0, |difference, (a, b)| difference | (a ^ b))
                == 0
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use mcpg_cluster::Coordinator as _;
    use mcpg_single_node::SingleNode;

    use super::*;

    fn key_value() -> Arc<dyn KeyValue> {
        Arc::clone(&SingleNode::new().primitives().key_value)
    }

    #[tokio::test]
    async fn two_replicas_of_one_deployment_load_the_same_key() {
        let key_value = key_value();
        let (a, b) = tokio::join!(MacKey::load(&key_value), MacKey::load(&key_value));
        let (a, b) = (a.unwrap(), b.unwrap());
        let code = a.sign("session", b"x");
        assert!(b.verify("session", b"x", &code));
        assert!(
            !b.verify("cursor", b"x", &code),
            "a code of one kind is none of another"
        );
        assert!(!b.verify("session", b"y", &code));
        assert!(!b.verify("session", b"x", &code[..7]));
    }

    #[tokio::test]
    async fn two_deployments_have_different_keys() {
        let a = MacKey::load(&key_value()).await.unwrap();
        let b = MacKey::load(&key_value()).await.unwrap();
        assert_ne!(a.sign("session", b"x"), b.sign("session", b"x"));
    }
}
