#![allow(clippy::unwrap_used)]
use super::*;

fn decode(bytes: &[u8]) -> Vec<Event> {
    Decoder::new(1 << 20).push(bytes).unwrap()
}

fn data(text: &'static str) -> Event {
    Event::message(Bytes::from_static(text.as_bytes()))
}

const STREAM: &str = concat!(
    "\u{feff}: hello\n\n",
    "id: 1\ndata:\n\n",
    "event: message\r\nid: a b\r\ndata: {\"x\":\r\ndata: 1}\r\n\r\n",
    "retry: 1500\rdata:no space\r\r",
    "data:  two spaces\nunknown: x\ndata\ndata: é\n\n",
    "retry: 12x\nid: nul\u{0}\n\n",
    "retry: 7\n\n",
    "\n\n\r\n\r\r",
    "data: unfinished\n",
);

fn expected() -> Vec<Event> {
    vec![
        Event::priming("1", None),
        Event {
            event: Some("message".into()),
            ..data("{\"x\":\n1}").with_id("a b")
        },
        Event {
            retry: Some(1500),
            ..data("no space")
        },
        data(" two spaces\n\né"),
        Event {
            retry: Some(7),
            ..Event::default()
        },
    ]
}

#[test]
fn a_stream_is_decoded_whole() {
    assert_eq!(decode(STREAM.as_bytes()), expected());
}

#[test]
fn a_stream_is_decoded_the_same_however_it_is_cut() {
    let bytes = STREAM.as_bytes();
    for first in 0..=bytes.len() {
        for second in (first..=bytes.len()).step_by(7) {
            let mut decoder = Decoder::new(1 << 20);
            let mut events = Vec::new();
            for piece in [&bytes[..first], &bytes[first..second], &bytes[second..]] {
                decoder.feed(piece, &mut events).unwrap();
            }
            assert_eq!(events, expected(), "cut at {first} and {second}");
        }
    }
    let mut decoder = Decoder::new(1 << 20);
    let one_by_one: Vec<Event> = bytes
        .iter()
        .flat_map(|byte| decoder.push(&[*byte]).unwrap())
        .collect();
    assert_eq!(one_by_one, expected());
}

#[test]
fn a_mark_counts_only_at_the_start() {
    assert_eq!(decode("\u{feff}data: a\n\n".as_bytes()), [data("a")]);
    assert_eq!(decode("\n\u{feff}data: a\n\n".as_bytes()), []);
}

#[test]
fn what_is_encoded_is_decoded_the_same() {
    let events = [
        data("{}"),
        data("a\nb\n\nc\n").with_id("x"),
        Event::priming("stream-1", Some(500)),
        Event {
            retry: Some(0),
            ..Event::default()
        },
        Event {
            event: Some("endpoint".into()),
            ..data("/messages?x=1")
        },
        data(" leading"),
        data(":colon"),
    ];
    let stream: Vec<u8> = events.iter().flat_map(encode).collect();
    assert_eq!(decode(&stream), events);
    for event in &events {
        assert_eq!(decode(&encode(event)), std::slice::from_ref(event));
    }
}

#[test]
fn line_breaks_cannot_inject_fields() {
    let event = Event {
        id: Some("1\ndata: x\r\0".into()),
        event: Some("e\n\ndata: y".into()),
        data: Bytes::from_static(b"a\r\nb\rid: 9"),
        retry: None,
    };
    assert_eq!(
        decode(&encode(&event)),
        [Event {
            event: Some("edata: y".into()),
            ..data("a\nb\nid: 9").with_id("1data: x")
        }]
    );
    assert_eq!(decode(&comment("x\ndata: y\n")), []);
    assert_eq!(decode(KEEP_ALIVE), []);
}

#[test]
fn the_wire_form_is_the_usual_one() {
    assert_eq!(encode(&data("{}").with_id("7")), "id: 7\ndata: {}\n\n");
    assert_eq!(
        encode(&Event::priming("7", Some(10))),
        "id: 7\nretry: 10\ndata: \n\n"
    );
    assert_eq!(
        encode(&Event {
            retry: Some(10),
            ..Event::default()
        }),
        "retry: 10\n\n"
    );
    assert_eq!(comment("x"), ": x\n\n");
}

#[test]
fn an_event_has_a_bound_however_it_grows() {
    let parts: [&[u8]; 6] = [
        b"x",
        b"data:1234567\n",
        b"data\n",
        b":xxxxxxxx",
        b"id:",
        b"event: 1234567",
    ];
    for part in parts {
        let mut decoder = Decoder::new(64);
        let grows = (0..100).any(|_| decoder.push(part).is_err());
        assert!(grows, "{part:?}");
        assert_eq!(decoder.push(b"\n\n"), Err(EventTooLarge { limit: 64 }));
    }
    let mut decoder = Decoder::new(16);
    for _ in 0..100 {
        assert_eq!(
            decoder.push(b"data: 12345678\n\n: comment\n").unwrap(),
            [data("12345678")]
        );
    }
    assert!(decoder.push(b"data: 12345678901\n\n").is_err());
}

#[test]
fn events_before_an_oversized_one_are_kept() {
    let mut events = Vec::new();
    let outcome = Decoder::new(16).feed(b"data: a\n\ndata: 0123456789abcdef\n\n", &mut events);
    assert_eq!((outcome.is_err(), events), (true, vec![data("a")]));
}

#[test]
fn only_message_events_carry_messages() {
    assert!(data("{}").is_message());
    assert!(
        Event {
            event: Some("message".into()),
            ..data("{}")
        }
        .is_message()
    );
    assert!(
        !Event {
            event: Some("endpoint".into()),
            ..data("{}")
        }
        .is_message()
    );
    assert!(!Event::priming("1", None).is_message());
}

#[test]
fn no_changed_byte_panics() {
    for place in 0..STREAM.len() {
        for byte in [0, b'\n', b'\r', b':', b' ', 0x80, 0xff] {
            let mut changed = STREAM.as_bytes().to_vec();
            changed[place] = byte;
            assert!(decode(&changed).len() <= 10);
        }
    }
}
