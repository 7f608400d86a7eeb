//! What can be built on any KeyValue.

use std::time::Duration;

use async_trait::async_trait;

use crate::{Entry, ErrorKind, Expect, Key, KeyValue, Result, Value, Version};

/// How many times [`KeyValueExt::update`] reads and writes before it gives up.
pub const UPDATE_ATTEMPTS: u32 = 16;

/// The pause after the first lost race; it doubles up to 32 times as long.
const FIRST_PAUSE: Duration = Duration::from_millis(1);

/// Convenience on top of [`KeyValue`]; nobody implements it.
#[async_trait]
pub trait KeyValueExt: KeyValue {
    /// Reads an entry, lets `change` compute the new value and writes it over the version that was read, again and
    /// again while other writers win the race, at most [`UPDATE_ATTEMPTS`] times.
    ///
    /// `change` is called once per attempt. When it gives `None` nothing is written and the result is `None`.
    ///
    /// # Errors
    /// `Conflict` when the last attempt lost its race too, and whatever reading, `change` or writing fails with. After
    /// `Indeterminate` the value may have been written.
    ///
    /// # Behavior
    /// - update applies every racing change exactly once: none is lost and none is doubled.
    async fn update<F>(&self, key: &Key, ttl: Option<Duration>, mut change: F) -> Result<Option<Version>>
    where
        F: FnMut(Option<&Entry>) -> Result<Option<Value>> + Send,
    {
        let mut attempt = 0;
        loop {
            let entry = self.get(key).await?;
            let Some(value) = change(entry.as_ref())? else {
                return Ok(None);
            };
            let expect = entry.map_or(Expect::Absent, |entry| Expect::Version(entry.version));
            attempt += 1;
            match self.put(key, value, expect, ttl).await {
                Ok(version) => return Ok(Some(version)),
                Err(error) if error.kind() == ErrorKind::Conflict && attempt < UPDATE_ATTEMPTS => {
                    tokio::time::sleep(FIRST_PAUSE * 2_u32.pow(attempt.min(6) - 1)).await;
                }
                Err(error) => {
                    return Err(error
                        .with_context("attempts", attempt.to_string())
                        .with_context("key", key.to_string()));
                }
            }
        }
    }
}

impl<T: KeyValue + ?Sized> KeyValueExt for T {}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;
    use crate::{Cursor, Error, Page};

    /// One entry whose first `lost_races` writes are refused.
    struct Contended {
        lost_races: u64,
        puts: AtomicU64,
    }

    #[async_trait]
    impl KeyValue for Contended {
        async fn get(&self, _key: &Key) -> Result<Option<Entry>> {
            let version = Version::new(1 + self.puts.load(Ordering::SeqCst));
            let value = Value::from_static(b"old");
            Ok(Some(Entry { value, version }))
        }

        async fn put(
            &self,
            _key: &Key,
            value: Value,
            expect: Expect,
            _ttl: Option<Duration>,
        ) -> Result<Version> {
            let earlier = self.puts.fetch_add(1, Ordering::SeqCst);
            assert_eq!(expect, Expect::Version(Version::new(1 + earlier)));
            assert_eq!(value.as_ref(), b"old and new");
            if earlier < self.lost_races {
                return Err(Error::new(ErrorKind::Conflict, "another version"));
            }
            Ok(Version::new(100))
        }

        async fn delete(&self, _key: &Key, _expect: Expect) -> Result<()> {
            unreachable!("update never deletes")
        }

        async fn list(
            &self,
            _scope: &[u8],
            _prefix: &[u8],
            _cursor: Option<&Cursor>,
            _limit: usize,
        ) -> Result<Page> {
            unreachable!("update never lists")
        }

        async fn touch(&self, _key: &Key, _ttl: Duration, _expect: Version) -> Result<Version> {
            unreachable!("update never touches")
        }
    }

    async fn update(lost_races: u64) -> (Result<Option<Version>>, u64) {
        let contended = Contended {
            lost_races,
            puts: AtomicU64::new(0),
        };
        let key_value: &dyn KeyValue = &contended;
        let result = key_value
            .update(&Key::new("scope", "name"), None, |entry| {
                let mut value = entry.unwrap().value.to_vec();
                value.extend_from_slice(b" and new");
                Ok(Some(value.into()))
            })
            .await;
        (result, contended.puts.load(Ordering::SeqCst))
    }

    #[tokio::test(start_paused = true)]
    async fn update_repeats_until_it_wins_the_race() {
        let (result, puts) = update(5).await;
        assert_eq!(result.unwrap(), Some(Version::new(100)));
        assert_eq!(puts, 6);
    }

    #[tokio::test(start_paused = true)]
    async fn update_gives_up_after_its_last_attempt() {
        let (result, puts) = update(u64::MAX).await;
        assert_eq!(result.unwrap_err().kind(), ErrorKind::Conflict);
        assert_eq!(puts, u64::from(UPDATE_ATTEMPTS));
    }

    #[tokio::test(start_paused = true)]
    async fn update_writes_nothing_when_the_change_declines() {
        let contended = Contended {
            lost_races: 0,
            puts: AtomicU64::new(0),
        };
        let declined = contended
            .update(&Key::new("scope", "name"), None, |_| Ok(None))
            .await;
        assert_eq!(declined.unwrap(), None);
        assert_eq!(contended.puts.load(Ordering::SeqCst), 0);
    }
}
