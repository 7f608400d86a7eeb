#![allow(clippy::unwrap_used)]

use super::*;

fn raw(text: &str) -> Box<RawValue> {
    RawValue::from_string(text.to_owned()).unwrap()
}

fn log(base: u64, events: &[&str]) -> Log {
    let mut log = Log::starting_after(base);
    for event in events {
        log.push(&raw(event));
    }
    log
}

fn body(first: u64, count: u64, bytes: u64) -> Body {
    Body::of_parts((first, count, bytes, 1, 7, 9))
}

/// What a reader gets: `4:{"a":1}` for an event, `2-3>1` for a body with events 2 and 3 of which 1 is not wanted.
fn after(log: &Log, sequence: u64) -> Option<String> {
    let shown = log.after(sequence)?.into_iter().map(|piece| match piece {
        Piece::Event(logged) => {
            let message = String::from_utf8(logged.message.to_vec()).unwrap();
            format!("{}:{message}", logged.sequence)
        }
        Piece::Stored { body, after } => {
            format!("{}-{}>{after}", body.first, body.first + body.count - 1)
        }
    });
    Some(shown.collect::<Vec<_>>().join(" "))
}

#[test]
fn what_comes_after_an_event_comes_whole_or_not_at_all() {
    let log = log(3, &["{\"a\":1}", "2"]);
    assert_eq!(after(&log, 2), None, "event 3 is gone");
    assert_eq!(after(&log, 3).unwrap(), "4:{\"a\":1} 5:2");
    assert_eq!(after(&log, 4).unwrap(), "5:2");
    assert_eq!(after(&log, 5).unwrap(), "");
    assert_eq!(after(&log, 9).unwrap(), "");
}

#[test]
fn bodies_stand_among_events_and_keep_their_numbers() {
    let mut log = log(3, &["4", "5", "6"]);
    let (at, first, run) = log.first_run().unwrap();
    assert_eq!((at, first, run.len()), (0, 4, 3));
    log.replace_run(at, body(first, 3, 100));
    assert!(log.first_run().is_none());
    log.push(&raw("{}"));
    assert_eq!((log.last(), log.bytes()), (7, 102));
    let (at, first, run) = log.first_run().unwrap();
    assert_eq!((at, first, run.len()), (1, 7, 1));
    assert_eq!(after(&log, 3).unwrap(), "4-6>3 7:{}");
    assert_eq!(after(&log, 5).unwrap(), "4-6>5 7:{}");
    assert_eq!(after(&log, 6).unwrap(), "7:{}");
    let again: Log = serde_json::from_str(&serde_json::to_string(&log).unwrap()).unwrap();
    assert_eq!(after(&again, 3), after(&log, 3));
    assert_eq!((again.last(), again.bytes(), again.base()), (7, 102, 3));
}

#[test]
fn a_log_that_is_joined_gets_the_next_numbers() {
    let mut whole = log(3, &["4"]);
    let mut more = log(0, &["1"]);
    more.replace_run(0, body(1, 1, 50));
    more.push(&raw("2"));
    assert_eq!(whole.append(more), 6);
    assert_eq!(after(&whole, 3).unwrap(), "4:4 5-5>3 6:2");
}

#[test]
fn the_oldest_goes_first_and_the_newest_never() {
    let mut log = log(0, &["1", "2", "3"]);
    log.replace_run(0, body(1, 3, 300));
    for event in ["4", "5"] {
        log.push(&raw(event));
    }
    assert_eq!((log.trim_to(5, 302), log.count()), (0, 5));
    assert_eq!(after(&log, 0).unwrap(), "1-3>0 4:4 5:5");
    // Within a body, events are only hidden.
    assert_eq!((log.trim_to(3, 302), log.count()), (2, 3));
    assert_eq!(after(&log, 1), None);
    assert_eq!(
        (after(&log, 2).unwrap(), log.bytes()),
        ("1-3>2 4:4 5:5".into(), 302)
    );
    // Bytes go with whole bodies.
    assert_eq!((log.trim_to(3, 301), log.count()), (1, 2));
    assert_eq!(after(&log, 2), None);
    assert_eq!((after(&log, 3).unwrap(), log.bytes()), ("4:4 5:5".into(), 2));
    assert_eq!((log.trim_to(0, 0), log.count()), (1, 1));
    assert_eq!(after(&log, 4).unwrap(), "5:5");
    log.forget_to(5);
    assert_eq!(
        (after(&log, 5).unwrap(), log.last(), log.bytes()),
        (String::new(), 5, 0)
    );
    assert_eq!(after(&log, 4), None);
    assert_eq!(log.push(&raw("6")), 6);
    log.forget_to(3);
    assert_eq!(after(&log, 5).unwrap(), "6:6");
}

#[test]
fn only_what_is_small_and_no_list_stays_in_the_record() {
    let log = log(0, &["{\"a\":1}", "{}"]);
    assert!(!log.needs_bodies(9));
    assert!(log.needs_bodies(8));
    assert!(
        self::log(0, &["[1]"]).needs_bodies(100),
        "a list would be taken for a body"
    );
}
