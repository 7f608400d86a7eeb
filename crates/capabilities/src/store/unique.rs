//! Records under names that nobody else ever writes.

use std::time::Duration;

use bytes::Bytes;
use mcpg_cluster::{Error, ErrorKind, Expect, Key, Version};
use tokio::time::Instant;

use super::writer::{FIRST_PAUSE, LONGEST_PAUSE, Writer};

impl Writer {
    /// Creates a record whose name was drawn at random by the caller and is written by this call alone.
    ///
    /// Such a record needs no nonce: whatever stands under the name is this write, so sending it again is harmless.
    ///
    /// # Errors
    /// The coordinator's last error when the patience is over or the write can never work. After an error the record
    /// may still appear.
    pub async fn create_unique(&self, key: &Key, value: Bytes, ttl: Duration) -> Result<Version, Error> {
        let deadline = Instant::now() + self.patience;
        let mut pause = FIRST_PAUSE;
        loop {
            let put = self
                .key_value
                .put(key, value.clone(), Expect::Absent, Some(ttl))
                .await;
            let error = match put {
                Ok(version) => return Ok(version),
                // An earlier copy of this write stands there; where it has expired meanwhile it is written again.
                Err(conflict) if conflict.kind() == ErrorKind::Conflict => {
                    match self.key_value.get(key).await {
                        Ok(Some(entry)) => return Ok(entry.version),
                        Ok(None) => conflict,
                        Err(error) => error,
                    }
                }
                Err(error) => error,
            };
            let again = matches!(
                error.kind(),
                ErrorKind::Conflict | ErrorKind::Unavailable | ErrorKind::Indeterminate
            );
            if !again || Instant::now() + pause >= deadline {
                return Err(error);
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}
