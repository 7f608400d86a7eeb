#![allow(clippy::unwrap_used)]

use super::*;
use crate::delivery::Reader;

fn said(text: &str) -> Entry {
    Entry {
        message: raw(text),
        question: None,
    }
}

fn texts(follow: Follow) -> Vec<String> {
    match follow {
        Follow::Runs { events, .. } | Follow::Over { events, .. } => events
            .into_iter()
            .map(|event| format!("{}:{}", event.sequence, String::from_utf8_lossy(&event.message)))
            .collect(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn d4_what_was_said_is_read_elsewhere_once_in_order_to_the_end() {
    let fleet = Fleet::new();
    let (a, b) = (fleet.replica("a"), fleet.replica("b"));
    let call = fleet.call("1");
    let mut open = a.open(&call).await;
    let birth = open.birth();
    open.append(0, &[said("1"), said("2")], false)
        .await
        .unwrap()
        .unwrap();
    let reader = Reader::fresh(b.boot.clone());
    let first = b.calls.take_up(&call, birth, 1, &reader).await.unwrap();
    assert_eq!(texts(first), ["2:2"]);
    let question = Entry {
        message: raw("3"),
        question: Some(open.next_question()),
    };
    let appended = open.append(2, &[question], false).await.unwrap().unwrap();
    assert_eq!((appended.last, appended.reader), (3, Some(reader.clone())));
    // An attempt of unknown outcome is repeated.
    let again = open.append(2, &[said("3")], false).await.unwrap().unwrap();
    assert_eq!(again.last, 3);
    let last = open.append(3, &[said("4")], true).await.unwrap().unwrap();
    assert_eq!(last.last, 4);
    let again = open.append(3, &[said("4")], true).await.unwrap().unwrap();
    assert_eq!(again.last, 4);
    let rest = b.calls.follow(&call, birth, 2, &reader, Some(last.version)).await;
    let rest = rest.unwrap();
    assert!(
        matches!(
            rest,
            Follow::Over {
                over: Over::Finished,
                last: 4,
                ..
            }
        ),
        "{rest:?}"
    );
    assert_eq!(texts(rest), ["3:3", "4:4"]);
}

#[tokio::test(start_paused = true)]
async fn i6_the_last_reader_displaces_the_one_before() {
    let fleet = Fleet::new();
    let (a, b) = (fleet.replica("a"), fleet.replica("b"));
    let call = fleet.call("1");
    let open = a.open(&call).await;
    let (one, other) = (Reader::fresh(a.boot.clone()), Reader::fresh(b.boot.clone()));
    a.calls.take_up(&call, open.birth(), 0, &one).await.unwrap();
    let later = b.calls.take_up(&call, open.birth(), 0, &other).await.unwrap();
    assert!(
        matches!(&later, Follow::Runs { former, .. } if former.as_ref() == Some(&one)),
        "the one before is to be told: {later:?}"
    );
    let follow = a.calls.follow(&call, open.birth(), 0, &one, None).await;
    assert_eq!(follow.unwrap(), Follow::Displaced);
}

#[tokio::test(start_paused = true)]
async fn d8_the_stream_of_a_dead_owner_is_ended_by_its_reader_only() {
    let fleet = Fleet::new();
    let (a, b) = (fleet.replica("a"), fleet.replica("b"));
    let call = fleet.call("1");
    let mut open = a.open(&call).await;
    let birth = open.birth();
    assert!(!b.calls.end_if_dead(&call, birth).await.unwrap());
    fleet.judge.kill(&a.owner);
    assert!(b.calls.end_if_dead(&call, birth).await.unwrap());
    let reader = Reader::fresh(b.boot.clone());
    let follow = b.calls.take_up(&call, birth, 0, &reader).await.unwrap();
    assert!(
        matches!(
            follow,
            Follow::Over {
                over: Over::OwnerLost,
                last: 0,
                ..
            }
        ),
        "{follow:?}"
    );
    let late = open.append(0, &[said("1")], true).await.unwrap();
    assert_eq!(late, Err(Refused::Claimed));
}
