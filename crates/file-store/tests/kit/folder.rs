//! One process per folder, and what a folder keeps.

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use mcpg_cluster::{ErrorKind, Expect, Key, KeyValue, Version};
use mcpg_file_store::{FileStore, OpenError};
use redb::{Database, ReadableDatabase as _, ReadableTableMetadata as _, TableDefinition};
use tokio::time::{Instant, sleep};

const LONG: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn entries_versions_and_expiries_outlive_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let (kept, gone, removed) = (
        Key::new("s", "kept"),
        Key::new("s", "gone"),
        Key::new("s", "removed"),
    );
    let store = FileStore::open(folder.path()).unwrap();
    let version = store
        .put(&kept, "a".into(), Expect::Absent, Some(LONG))
        .await
        .unwrap();
    let last = store
        .put(&removed, "b".into(), Expect::Absent, None)
        .await
        .unwrap();
    store.delete(&removed, Expect::Any).await.unwrap();
    let short = Duration::from_millis(50);
    store
        .put(&gone, "c".into(), Expect::Absent, Some(short))
        .await
        .unwrap();
    let written = Instant::now();
    drop(store);
    while written.elapsed() <= short {
        sleep(Duration::from_millis(5)).await;
    }
    let store = FileStore::open(folder.path()).unwrap();
    let found = store.get(&kept).await.unwrap().unwrap();
    assert_eq!((found.value, found.version), ("a".into(), version));
    assert_eq!(
        store.get(&gone).await.unwrap(),
        None,
        "its time went on while nobody was there"
    );
    let again = store
        .put(&removed, "d".into(), Expect::Absent, None)
        .await
        .unwrap();
    assert!(again > last, "a version came twice");
    let touched = store.touch(&kept, LONG, version).await.unwrap();
    assert_eq!(touched, version);
    let refused = store
        .put(&kept, "e".into(), Expect::Version(Version::new(0)), None)
        .await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Conflict);
}

#[tokio::test]
async fn a_second_user_of_a_folder_is_refused_and_told_who_is_there() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("made/here");
    let store = FileStore::open(&folder).unwrap();
    let error = FileStore::open(&folder).unwrap_err();
    assert!(matches!(error, OpenError::InUse { .. }), "{error:?}");
    let expected = format!(
        "the folder {} is in use by process {}",
        folder.display(),
        std::process::id()
    );
    assert_eq!(error.to_string(), expected);
    assert_eq!(
        error.remedy(),
        "give each process a folder of its own, or stop the other one"
    );
    for (path, mode) in [("", 0o700), ("lock", 0o600), ("records.redb", 0o600)] {
        let found = std::fs::metadata(folder.join(path)).unwrap().permissions().mode() & 0o777;
        assert_eq!(found, mode, "{path}: {found:o}");
    }
    drop(store);
    FileStore::open(&folder).unwrap();
}

#[test]
fn a_folder_that_is_no_store_is_refused() {
    let parent = tempfile::tempdir().unwrap();
    let file = parent.path().join("file");
    std::fs::write(&file, "x").unwrap();
    let error = FileStore::open(&file).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with(&format!("the folder {} cannot be used: ", file.display())),
        "{error}"
    );
    let folder = parent.path().join("foreign");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("records.redb"), "not a database, but somebody's text").unwrap();
    let error = FileStore::open(&folder).unwrap_err();
    assert!(error.to_string().contains("cannot be used"), "{error}");
    assert!(error.remedy().contains("a disk that works"), "{}", error.remedy());
}

#[tokio::test]
async fn what_has_expired_is_removed_though_nobody_reads_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = FileStore::open(folder.path()).unwrap();
    let ttl = Some(Duration::from_millis(1));
    let (first, last) = (Key::new("s", "first"), Key::new("s", "last"));
    for key in [&first, &Key::new("s", "second")] {
        store.put(key, "x".into(), Expect::Any, ttl).await.unwrap();
    }
    // Without a pause between writes it has to happen too.
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(3) {
        store.put(&last, "x".into(), Expect::Any, None).await.unwrap();
    }
    drop(store);
    let database = Database::create(folder.path().join("records.redb")).unwrap();
    let entries: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("entries");
    let read = database.begin_read().unwrap();
    assert_eq!(read.open_table(entries).unwrap().len().unwrap(), 1);
    let expiries: TableDefinition<'_, (u64, &[u8]), ()> = TableDefinition::new("expiries");
    assert_eq!(read.open_table(expiries).unwrap().len().unwrap(), 0);
}
