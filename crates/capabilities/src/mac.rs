//! A message authentication code of 64 bits in every id that the gateway hands out.
//!
//! The key is made once per deployment and kept in the coordinator, so every replica accepts the ids of every other
//! one and refuses a forged id without a coordinator operation.

use std::hash::Hasher;
use std::sync::Arc;

use bytes::Bytes;
use mcpg_cluster::{Error, ErrorKind, Expect, Key, KeyValue};
use parking_lot::RwLock;
use siphasher::sip::SipHasher24;

use crate::random;

/// The deployment's key for message authentication codes. Clones share it.
#[derive(Clone)]
pub struct MacKey {
    key: Arc<RwLock<[u8; 16]>>,
}

impl std::fmt::Debug for MacKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("MacKey(..)")
    }
}

impl MacKey {
    /// Takes a key that is already known.
    pub fn new(key: [u8; 16]) -> Self {
        Self {
            key: Arc::new(RwLock::new(key)),
        }
    }

    /// Reads the deployment's key from the coordinator, or makes it where there is none yet.
    ///
    /// # Errors
    /// The coordinator's error, or [`ErrorKind::Internal`] when the stored key has another size.
    pub async fn load(key_value: &Arc<dyn KeyValue>) -> Result<Self, Error> {
        let mac = Self::new(random::bytes::<16>());
        mac.agree(key_value).await?;
        Ok(mac)
    }

    /// Agrees with the other replicas on one key: the one that stands in the coordinator, or this one where none does.
    ///
    /// To be called again when the coordinator lost its data. The replicas that run would otherwise go on with a key
    /// that no replica knows which starts later.
    ///
    /// # Errors
    /// As for [`load`](Self::load).
    pub async fn agree(&self, key_value: &Arc<dyn KeyValue>) -> Result<(), Error> {
        let place = Key::new("meta", "mac-key");
        loop {
            if let Some(entry) = key_value.get(&place).await? {
                *self.key.write() = entry.value.as_ref().try_into().map_err(|_| {
                    Error::new(ErrorKind::Internal, "the stored mac key is not 16 bytes long")
                        .with_context("key", "meta/mac-key")
                })?;
                return Ok(());
            }
            let own = Bytes::copy_from_slice(&*self.key.read());
            match key_value.put(&place, own, Expect::Absent, None).await {
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
        let mut hasher = SipHasher24::new_with_key(&self.key.read());
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
    async fn after_a_loss_of_data_replicas_that_ran_and_one_that_starts_agree() {
        let key_value = key_value();
        let (a, b) = (
            MacKey::load(&key_value).await.unwrap(),
            MacKey::load(&key_value).await.unwrap(),
        );
        let before = a.sign("session", b"x");
        let used_by_a = a.clone();
        key_value
            .delete(&Key::new("meta", "mac-key"), Expect::Any)
            .await
            .unwrap();
        a.agree(&key_value).await.unwrap();
        assert_eq!(
            a.sign("session", b"x"),
            before,
            "a key that nobody replaced stays"
        );
        key_value
            .delete(&Key::new("meta", "mac-key"), Expect::Any)
            .await
            .unwrap();
        let starts = MacKey::load(&key_value).await.unwrap();
        for ran in [&a, &b] {
            ran.agree(&key_value).await.unwrap();
        }
        let code = starts.sign("session", b"x");
        assert!(
            [&a, &b, &used_by_a]
                .iter()
                .all(|mac| mac.verify("session", b"x", &code))
        );
    }

    #[tokio::test]
    async fn two_deployments_have_different_keys() {
        let a = MacKey::load(&key_value()).await.unwrap();
        let b = MacKey::load(&key_value()).await.unwrap();
        assert_ne!(a.sign("session", b"x"), b.sign("session", b"x"));
    }
}
