//! A process that writes is killed again and again: what it said was written is there, and nothing is half written.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use mcpg_cluster::{ErrorKind, Expect, Key, KeyValue};
use mcpg_file_store::FileStore;

/// In whose presence this test is the process that gets killed, and which folder it writes to.
const VICTIM: &str = "MCPG_FILE_STORE_VICTIM";
/// With it, that process writes until the disk is full instead of for ever.
const FULL: &str = "MCPG_FILE_STORE_FULL";
const TTL: Duration = Duration::from_secs(3600);
const WRITERS: usize = 4;

/// A value that shows whether it is whole: many times the same number.
fn value(number: u64) -> Vec<u8> {
    number.to_be_bytes().repeat(300)
}

fn number(value: &[u8]) -> u64 {
    let (first, _) = value.split_first_chunk().unwrap();
    let number = u64::from_be_bytes(*first);
    assert_eq!(value, self::value(number), "a torn value");
    number
}

fn key(writer: usize) -> Key {
    Key::new("written", format!("{writer}"))
}

/// Writes for ever and says on standard output what was acknowledged.
async fn write_for_ever(store: &FileStore, writer: usize) {
    let mut entry = store.get(&key(writer)).await.unwrap();
    loop {
        let (next, expect) = match &entry {
            Some(entry) => (number(&entry.value) + 1, Expect::Version(entry.version)),
            None => (1, Expect::Absent),
        };
        let version = store
            .put(&key(writer), value(next).into(), expect, Some(TTL))
            .await
            .unwrap();
        println_all(writer, next);
        let value = value(next).into();
        entry = Some(mcpg_cluster::Entry { value, version });
    }
}

fn println_all(writer: usize, number: u64) {
    use std::io::Write as _;
    let mut out = std::io::stdout().lock();
    writeln!(out, "ack {writer} {number}").unwrap();
    out.flush().unwrap();
}

/// Not a test of its own: with the variable set it is the process that the other test kills.
#[tokio::test]
async fn victim() {
    let Some(folder) = std::env::var_os(VICTIM) else {
        return;
    };
    if std::env::var_os(FULL).is_some() {
        return write_until_full(Path::new(&folder)).await;
    }
    let store = FileStore::open(Path::new(&folder)).unwrap();
    let writers = (0..WRITERS).map(|writer| write_for_ever(&store, writer));
    let mut running: Vec<_> = writers.map(Box::pin).collect();
    std::future::poll_fn(|context| {
        for writer in &mut running {
            let _ = writer.as_mut().poll(context);
        }
        std::task::Poll::<()>::Pending
    })
    .await;
}

#[tokio::test]
async fn whatever_was_acknowledged_survives_sigkill_at_any_moment() {
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged = [0; WRITERS];
    for round in 0..12_u64 {
        let mut victim = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "killed::victim", "--nocapture"])
            .env(VICTIM, folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(victim.stdout.take().unwrap()).lines();
        let first = lines
            .by_ref()
            .map(Result::unwrap)
            .find(|line| note(line, &mut acknowledged));
        assert!(first.is_some(), "round {round}: the victim wrote nothing");
        // A different moment each time, in the middle of its writes.
        let began = Instant::now();
        let until = Duration::from_millis(round * 7 % 40);
        while began.elapsed() < until {
            note(&lines.next().unwrap().unwrap(), &mut acknowledged);
        }
        victim.kill().unwrap();
        victim.wait().unwrap();
        for line in lines.map_while(Result::ok) {
            note(&line, &mut acknowledged);
        }
        let store = FileStore::open(folder.path()).unwrap();
        for (writer, acknowledged) in acknowledged.iter_mut().enumerate() {
            let found = store.get(&key(writer)).await.unwrap();
            let found = found.map_or(0, |entry| number(&entry.value));
            // One more may be on disk than was said.
            assert!(
                (*acknowledged..=*acknowledged + 1).contains(&found),
                "round {round}: {acknowledged} was acknowledged and {found} is there"
            );
            *acknowledged = found;
        }
    }
}

/// Notes what a whole line acknowledges.
fn note(line: &str, acknowledged: &mut [u64; WRITERS]) -> bool {
    let mut words = line.rsplit(' ');
    let (number, writer) = (words.next(), words.next());
    let Some((number, writer)) = number.zip(writer).filter(|_| line.contains("ack ")) else {
        return false;
    };
    let (Ok(number), Ok(writer)) = (number.parse::<u64>(), writer.parse::<usize>()) else {
        return false;
    };
    acknowledged[writer] = number;
    true
}

/// Writes until it cannot, and goes on then.
async fn write_until_full(folder: &Path) {
    let store = FileStore::open(folder).unwrap();
    let large = vec![1; 200_000];
    let put = async |number: usize| {
        let key = Key::new("full", format!("{number}"));
        store.put(&key, large.clone().into(), Expect::Absent, None).await
    };
    let mut number = 0;
    let failed = loop {
        match put(number).await {
            Ok(_) => {
                assert!(!store.is_failing());
                println_all(0, number as u64 + 1);
            }
            Err(error) => break error,
        }
        number += 1;
        assert!(number < 1000, "the disk is never full");
    };
    assert!(
        matches!(failed.kind(), ErrorKind::Unavailable | ErrorKind::Indeterminate),
        "{failed}"
    );
    assert!(store.is_failing());
    // It is refused in order from now on, and what is there can be read.
    let refused = put(number + 1).await.unwrap_err();
    assert!(
        matches!(refused.kind(), ErrorKind::Unavailable | ErrorKind::Indeterminate),
        "{refused}"
    );
    if number > 0 {
        let first = store.get(&Key::new("full", "0")).await.unwrap();
        assert_eq!(first.map(|entry| entry.value.len()), Some(large.len()));
    }
}

#[tokio::test]
async fn a_disk_that_is_full_fails_writes_in_order_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    // Blocks of 512 bytes. Without the signal a write above the limit fails as on a full disk.
    let limited = "trap '' XFSZ; ulimit -f 8192; exec \"$0\" --exact killed::victim --nocapture";
    let victim = Command::new("sh")
        .args(["-c", limited])
        .arg(std::env::current_exe().unwrap())
        .env(VICTIM, folder.path())
        .env(FULL, "1")
        .output()
        .unwrap();
    let output = String::from_utf8_lossy(&victim.stdout);
    assert!(
        victim.status.success(),
        "{output}{}",
        String::from_utf8_lossy(&victim.stderr)
    );
    let mut acknowledged = [0; WRITERS];
    for line in output.lines() {
        note(line, &mut acknowledged);
    }
    assert!(acknowledged[0] > 2, "{output}");
    let store = FileStore::open(folder.path()).unwrap();
    for number in 0..acknowledged[0] {
        let found = store.get(&Key::new("full", format!("{number}"))).await.unwrap();
        assert_eq!(found.map(|entry| entry.value.len()), Some(200_000), "{number}");
    }
    store
        .put(&Key::new("full", "after"), "x".into(), Expect::Absent, None)
        .await
        .unwrap();
}
