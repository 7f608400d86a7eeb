//! AN-17: two releases run together.

use super::*;

async fn stored(backend: &SingleNode, id: &SessionId) -> serde_json::Value {
    let key = Key::new("sessions", Bytes::from(id.name().to_owned()));
    let entry = key_value(backend).get(&key).await.unwrap().unwrap();
    serde_json::from_slice(&entry.value).unwrap()
}

async fn rewrite(backend: &SingleNode, id: &SessionId, change: impl FnOnce(&mut serde_json::Value)) {
    let mut record = stored(backend, id).await;
    change(&mut record);
    let key = Key::new("sessions", Bytes::from(id.name().to_owned()));
    let value = Bytes::from(record.to_string());
    key_value(backend)
        .put(&key, value, Expect::Any, Some(IDLE))
        .await
        .unwrap();
}

fn initialize(record: &mut SessionRecord) -> bool {
    !std::mem::replace(&mut record.initialized, true)
}

#[tokio::test(start_paused = true)]
async fn an_17_the_newer_release_writes_the_older_layout_until_every_member_reads_its_own() {
    let backend = backend();
    let newer = harness::of_release(&backend, 3).await;
    let (alone, _) = newer.create(record()).await.unwrap();
    assert_eq!(
        stored(&backend, &alone).await["format"],
        3,
        "alone it writes its own"
    );
    let older = harness::of_release(&backend, 1).await;
    newer.fresh().await;
    let (together, _) = newer.create(record()).await.unwrap();
    assert_eq!(
        stored(&backend, &together).await["format"],
        2,
        "the older one reads no more than that"
    );
    assert!(older.admit(together.as_str()).await.is_ok());
    older.stop_background();
    older.fleet.leave().await;
    while newer.fleet.view().members().count() > 1 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let (again, _) = newer.create(record()).await.unwrap();
    assert_eq!(stored(&backend, &again).await["format"], 3);
}

#[tokio::test(start_paused = true)]
async fn an_17_what_a_newer_release_wrote_survives_the_rewrite_of_an_older_one() {
    let backend = backend();
    let older = replica(&backend).await;
    let (id, _) = older.create(record()).await.unwrap();
    rewrite(&backend, &id, |record| {
        record["format"] = 2.into();
        record["novelty"] = serde_json::json!({ "a": [1] });
    })
    .await;
    older.change(&id, initialize).await.unwrap();
    let stored = stored(&backend, &id).await;
    assert_eq!(stored["initialized"], true);
    assert_eq!(stored["novelty"], serde_json::json!({ "a": [1] }));
    assert_eq!(
        stored["format"], 2,
        "with the unknown members it still is a record of that layout"
    );
}

#[tokio::test(start_paused = true)]
async fn an_17_a_record_two_layouts_ahead_is_refused() {
    let backend = backend();
    let older = replica(&backend).await;
    let (id, _) = older.create(record()).await.unwrap();
    rewrite(&backend, &id, |record| record["format"] = 3.into()).await;
    let refused = older.current(&id).await.unwrap_err();
    assert!(matches!(refused, SessionError::Broken(_)), "{refused:?}");
    assert!(refused.to_string().contains("format 3"), "{refused}");
    assert!(older.change(&id, initialize).await.is_err());
    assert_eq!(
        stored(&backend, &id).await["initialized"],
        false,
        "it is left alone"
    );
}
