#![allow(clippy::unwrap_used)]

use bytes::Bytes;
use mcpg_cluster::{Clock, Coordinator as _, Key, TokioClock};
use mcpg_single_node::SingleNode;
use parking_lot::Mutex;

use super::*;
use crate::calls::{CallKey, CallsConfig, Follow, OpenCall, Opened, Over};
use crate::delivery::Reader;
use crate::mac::MacKey;
use crate::mailbox::{Handled, LookAgain, MailHandler, MailboxConfig};
use crate::owner::OwnerPair;
use crate::sessions::SessionId;
use crate::testing::{Counting, Verdicts, tester};

const TTL: Duration = Duration::from_secs(100);

struct Replica {
    boot: BootId,
    owner: OwnerPair,
    counting: Arc<Counting>,
    sweeper: Sweeper,
}

struct Fleet {
    node: SingleNode,
    judge: Arc<Verdicts>,
    clock: Arc<TokioClock>,
}

impl Fleet {
    fn new() -> Self {
        Self {
            node: SingleNode::new(),
            judge: Verdicts::new(),
            clock: Arc::new(TokioClock::new()),
        }
    }

    /// A replica that has noted that it may leave something behind.
    async fn replica(&self, name: &str) -> Replica {
        let primitives = self.node.another_replica();
        let primitives = primitives.primitives();
        let counting = Counting::new(Arc::clone(&primitives.key_value));
        let key_value: Arc<dyn KeyValue> = counting.clone();
        let clock: Arc<dyn Clock> = self.clock.clone();
        let boot = BootId::new(name);
        let owner = OwnerPair {
            lease: format!("replica/{name}"),
            token: 1,
        };
        let noted = Bytes::from(serde_json::to_vec(&owner).unwrap());
        let key = Key::new("boots", name.to_owned());
        key_value
            .put(&key, noted, mcpg_cluster::Expect::Any, None)
            .await
            .unwrap();
        let calls = Calls::new(
            Arc::clone(&key_value),
            self.judge.clone(),
            Arc::clone(&clock),
            CallsConfig::new(boot.clone(), TTL),
        );
        let mail = MailboxConfig::new(boot.clone(), Duration::from_millis(1));
        let mailbox = Mailbox::new(
            Arc::clone(&key_value),
            Arc::clone(&primitives.pubsub),
            clock,
            mail,
        );
        Replica {
            boot,
            owner,
            counting,
            sweeper: Sweeper {
                key_value,
                judge: self.judge.clone(),
                calls,
                mailbox,
                gets: None,
                subscriptions: None,
            },
        }
    }
}

impl Replica {
    async fn open(&self, call: &CallKey) -> Box<OpenCall> {
        let calls = &self.sweeper.calls;
        let mut opening = calls.opening(call.clone(), self.owner.clone(), calls.now());
        match opening.open().await {
            Ok(Opened::Open(open)) => open,
            other => panic!("{other:?}"),
        }
    }
}

/// Remembers which records it was told to look at.
#[derive(Default)]
struct Looks(Mutex<Vec<Note>>);

#[async_trait::async_trait]
impl MailHandler for Looks {
    async fn look(&self, note: &Note) -> Result<(), LookAgain> {
        self.0.lock().push(note.clone());
        Ok(())
    }

    async fn execute(&self, _: &str, body: Bytes) -> Handled {
        Handled::Answered(body)
    }

    fn missed_notes(&self) {}

    fn acknowledged(&self, _: &str, _: &BootId) {}
}

#[tokio::test(start_paused = true)]
async fn d8_the_readers_of_a_dead_replica_are_told_that_its_streams_ended() {
    let fleet = Fleet::new();
    let (a, b, c) = (
        fleet.replica("a").await,
        fleet.replica("b").await,
        fleet.replica("c").await,
    );
    let session = SessionId::mint(&MacKey::new([7; 16]), &tester());
    let calls: Vec<CallKey> = (0..3)
        .map(|id| CallKey::new(&session, &id.to_string()).unwrap())
        .collect();
    let reader = Reader::fresh(c.boot.clone());
    let mut births = Vec::new();
    for (call, is_read) in calls.iter().zip([true, false, true]) {
        let open = a.open(call).await;
        births.push(open.birth());
        if is_read {
            let taken = c.sweeper.calls.take_up(call, open.birth(), 0, &reader);
            assert!(matches!(taken.await.unwrap(), Follow::Runs { .. }));
        }
    }
    let looks = Arc::new(Looks::default());
    let (mailbox, handler) = (c.sweeper.mailbox.clone(), Arc::clone(&looks));
    let receiving = tokio::spawn(async move { mailbox.run(handler, std::future::pending()).await });
    b.sweeper.round().await;
    fleet.judge.kill(&a.owner);
    b.sweeper.round().await;
    let deadline = tokio::time::Instant::now() + Duration::from_secs(5);
    while looks.0.lock().len() < 2 {
        assert!(tokio::time::Instant::now() < deadline, "nobody told the reader");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    receiving.abort();
    let looked = std::mem::take(&mut *looks.0.lock());
    let mut told: Vec<Key> = looked.iter().map(|note| note.at.clone()).collect();
    told.sort_by_key(|key| key.name.clone());
    assert_eq!(told, [calls[0].head(), calls[2].head()]);
    for note in looked {
        let call = CallKey::from_head(&note.at).unwrap();
        let birth = births[calls.iter().position(|known| *known == call).unwrap()];
        let followed = c
            .sweeper
            .calls
            .follow(&call, birth, 0, &reader, Some(note.version));
        let over = followed.await.unwrap();
        assert!(
            matches!(
                over,
                Follow::Over {
                    over: Over::OwnerLost,
                    ..
                }
            ),
            "{over:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_round_in_which_nobody_is_dead_is_one_list() {
    let fleet = Fleet::new();
    let (a, b) = (fleet.replica("a").await, fleet.replica("b").await);
    let session = SessionId::mint(&MacKey::new([7; 16]), &tester());
    let _open = a.open(&CallKey::new(&session, "1").unwrap()).await;
    b.counting.take();
    b.sweeper.round().await;
    let round = b.counting.take();
    assert_eq!((round.lists, round.total()), (1, 1));
    // It never judges itself.
    fleet.judge.kill(&b.owner);
    b.sweeper.round().await;
    assert_eq!(b.counting.take().total(), 1);
}

#[test]
fn rounds_follow_each_other_within_a_fraction_of_a_lease() {
    let pause = |seconds| Sweeper::pause(Duration::from_secs(seconds));
    assert_eq!(pause(15), Duration::from_millis(2_500));
    assert_eq!(pause(1), Duration::from_millis(500));
}
