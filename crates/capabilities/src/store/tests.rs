#![allow(clippy::unwrap_used)]

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use mcpg_cluster::{
    Coordinator as _, Cursor, Entry, Error, ErrorKind, Expect, Key, KeyValue, Page, Result, Version,
};
use mcpg_single_node::SingleNode;
use parking_lot::Mutex;

use super::*;

/// What happens to one put.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// It is applied, but the answer is lost.
    AppliedUnanswered,
    /// It is lost, and nobody knows.
    LostUnanswered,
    /// It surely did not arrive.
    Unreachable,
    /// It is applied, the answer is lost, and another writer overwrites the record nine times.
    AppliedAndBuried,
    /// It is applied, and a resent copy of it meets a conflict.
    AppliedThenConflict,
}

/// A real coordinator whose puts go wrong in the given order, then work.
struct Faulty {
    inner: Arc<dyn KeyValue>,
    faults: Mutex<VecDeque<Fault>>,
}

impl Faulty {
    fn new(faults: &[Fault]) -> Arc<Self> {
        let inner = Arc::clone(&SingleNode::new().primitives().key_value);
        Arc::new(Self {
            inner,
            faults: Mutex::new(faults.iter().copied().collect()),
        })
    }

    async fn bury(&self, key: &Key) -> Result<()> {
        for number in 0..9 {
            let mut record = Counter {
                number,
                nonces: Nonces::default(),
            };
            for _ in 0..8 {
                record.nonces.push(Nonce::fresh());
            }
            self.inner
                .put(
                    key,
                    Bytes::from(record.encode(Format::NATIVE).unwrap()),
                    Expect::Any,
                    None,
                )
                .await?;
        }
        Ok(())
    }
}

#[async_trait]
impl KeyValue for Faulty {
    async fn get(&self, key: &Key) -> Result<Option<Entry>> {
        self.inner.get(key).await
    }

    async fn put(&self, key: &Key, value: Bytes, expect: Expect, ttl: Option<Duration>) -> Result<Version> {
        let unknown = || Err(Error::new(ErrorKind::Indeterminate, "the answer was lost"));
        let fault = self.faults.lock().pop_front();
        match fault {
            None => self.inner.put(key, value, expect, ttl).await,
            Some(Fault::AppliedUnanswered) => {
                self.inner.put(key, value, expect, ttl).await?;
                unknown()
            }
            Some(Fault::LostUnanswered) => unknown(),
            Some(Fault::Unreachable) => Err(Error::new(ErrorKind::Unavailable, "nobody listens")),
            Some(Fault::AppliedAndBuried) => {
                self.inner.put(key, value, expect, ttl).await?;
                self.bury(key).await?;
                unknown()
            }
            Some(Fault::AppliedThenConflict) => {
                self.inner.put(key, value.clone(), expect, ttl).await?;
                self.inner.put(key, value, expect, ttl).await
            }
        }
    }

    async fn delete(&self, key: &Key, expect: Expect) -> Result<()> {
        self.inner.delete(key, expect).await
    }

    async fn list(&self, scope: &[u8], prefix: &[u8], cursor: Option<&Cursor>, limit: usize) -> Result<Page> {
        self.inner.list(scope, prefix, cursor, limit).await
    }

    async fn touch(&self, key: &Key, ttl: Duration, expect: Version) -> Result<Version> {
        self.inner.touch(key, ttl, expect).await
    }
}

#[derive(Clone, Debug)]
struct Counter {
    number: u64,
    nonces: Nonces,
}

impl Record for Counter {
    fn decode(bytes: &[u8]) -> std::result::Result<Self, FormatError> {
        let mut fields = Fields::read(bytes)?;
        Ok(Self {
            number: fields.require("number")?,
            nonces: fields.require("nonces")?,
        })
    }

    fn encode(&self, format: u32) -> std::result::Result<Vec<u8>, FormatError> {
        let mut fields = Fields::write(format);
        fields.put("number", &self.number)?;
        fields.put("nonces", &self.nonces)?;
        fields.into_bytes()
    }

    fn nonces(&self) -> &Nonces {
        &self.nonces
    }

    fn nonces_mut(&mut self) -> &mut Nonces {
        &mut self.nonces
    }
}

fn counter(number: u64) -> Counter {
    Counter {
        number,
        nonces: Nonces::default(),
    }
}

async fn write_through(
    faults: &[Fault],
    expect_existing: bool,
) -> (
    Arc<Faulty>,
    std::result::Result<Stored<Counter>, WriteError<Counter>>,
) {
    let faulty = Faulty::new(&[]);
    let key = Key::new("test", "record");
    let writer = Writer::new(faulty.clone(), Duration::from_secs(5));
    let expect = if expect_existing {
        let stored = writer
            .write(&key, counter(1), Expect::Absent, None)
            .await
            .unwrap();
        Expect::Version(stored.version)
    } else {
        Expect::Absent
    };
    faulty.faults.lock().extend(faults);
    let result = writer.write(&key, counter(2), expect, None).await;
    (faulty, result)
}

async fn stored_number(faulty: &Faulty) -> Option<u64> {
    let entry = faulty.inner.get(&Key::new("test", "record")).await.unwrap()?;
    Some(Counter::decode(&entry.value).unwrap().number)
}

#[tokio::test(start_paused = true)]
async fn i2_a_write_of_unknown_outcome_is_recognised_by_its_nonce() {
    for existing in [false, true] {
        for faults in [
            vec![Fault::AppliedUnanswered],
            vec![Fault::AppliedThenConflict],
            vec![Fault::LostUnanswered],
            vec![
                Fault::LostUnanswered,
                Fault::LostUnanswered,
                Fault::AppliedUnanswered,
            ],
            vec![Fault::Unreachable, Fault::LostUnanswered, Fault::Unreachable],
        ] {
            let (faulty, result) = write_through(&faults, existing).await;
            assert_eq!(result.unwrap().record.number, 2, "{faults:?}");
            assert_eq!(stored_number(&faulty).await, Some(2), "{faults:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn i2_a_write_that_was_buried_by_others_is_reported_as_unknown() {
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let _counting = metrics::set_default_local_recorder(&recorder);
    let (_, result) = write_through(&[Fault::AppliedAndBuried], true).await;
    assert!(matches!(result, Err(WriteError::Indeterminate(_))), "{result:?}");
    let (_, settled) = write_through(&[Fault::AppliedUnanswered], true).await;
    assert!(settled.is_ok());
    let shown = recorder.handle().render();
    assert!(shown.contains("mcpg_undecided_writes_total 1\n"), "{shown}");
}

#[tokio::test(start_paused = true)]
async fn an_outage_that_outlasts_the_patience_says_whether_the_write_may_have_arrived() {
    let (_, surely_not) = write_through(&[Fault::Unreachable; 100], true).await;
    assert!(
        matches!(surely_not, Err(WriteError::Unavailable(_))),
        "{surely_not:?}"
    );
    let (_, perhaps) = write_through(&[Fault::LostUnanswered; 100], true).await;
    assert!(
        matches!(perhaps, Err(WriteError::Indeterminate(_))),
        "{perhaps:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn another_writers_record_is_a_conflict_and_is_handed_over() {
    let faulty = Faulty::new(&[]);
    let key = Key::new("test", "record");
    let writer = Writer::new(faulty.clone(), Duration::from_secs(5));
    writer
        .write(&key, counter(7), Expect::Absent, None)
        .await
        .unwrap();
    match writer.write(&key, counter(8), Expect::Absent, None).await {
        Err(WriteError::Conflict(Some(stored))) => assert_eq!(stored.record.number, 7),
        other => panic!("{other:?}"),
    }
}
