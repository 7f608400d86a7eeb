#![allow(clippy::unwrap_used)]
use super::*;

fn single(text: &str) -> Message<'_> {
    match parse(text.as_bytes()) {
        Ok(Incoming::Single(message)) => message,
        other => panic!("{text} gave {other:?}"),
    }
}

fn refused(text: &str) -> (i64, Option<RequestId>) {
    let invalid = parse(text.as_bytes()).unwrap_err();
    (invalid.error.code, invalid.id)
}

#[test]
fn the_three_kinds_are_told_apart_and_stay_raw() {
    let text = "\r\n\t {\"method\":\"a\\/b\",\"extra\":[{}],\"id\":\"1\",\"params\":{ \"x\" : 1e400 },\"jsonrpc\":\"2.0\"} ";
    let Message::Request(request) = single(text) else {
        panic!()
    };
    assert_eq!(
        (request.id, request.method.as_ref()),
        (RequestId::from("1"), "a/b")
    );
    assert_eq!(request.params.unwrap().get(), "{ \"x\" : 1e400 }");

    let message = single(r#"{"jsonrpc":"2.0","method":"n","params":[]}"#);
    assert!(matches!(&message, Message::Notification(notification) if notification.method == "n"));
    assert_eq!((message.method(), message.id()), (Some("n"), None));
    assert_eq!(message.params().unwrap().get(), "[]");

    let message = single(r#"{"jsonrpc":"2.0","id":0,"result":{}}"#);
    assert_eq!(
        (message.method(), message.id()),
        (None, Some(&RequestId::from_number(0)))
    );
    let Message::Response(response) = message else {
        panic!()
    };
    assert_eq!(response.outcome.unwrap().get(), "{}");

    let Message::Response(response) = single(r#"{"jsonrpc":"2.0","id":"a","error":{"code":1}}"#) else {
        panic!()
    };
    assert_eq!(response.outcome.unwrap_err().get(), r#"{"code":1}"#);
}

#[test]
fn only_an_error_response_may_lack_its_id() {
    for text in [
        r#"{"jsonrpc":"2.0","id":null,"error":{}}"#,
        r#"{"jsonrpc":"2.0","error":{}}"#,
    ] {
        assert_eq!(single(text).id(), None);
    }
    for text in [
        r#"{"jsonrpc":"2.0","id":null,"result":{}}"#,
        r#"{"jsonrpc":"2.0","result":{}}"#,
        r#"{"jsonrpc":"2.0","id":1.5,"error":{}}"#,
    ] {
        assert_eq!(refused(text), (-32600, None), "{text}");
    }
}

#[test]
fn bad_json_is_a_parse_error() {
    let texts = [
        "",
        " ",
        "{",
        "[",
        "nul",
        "{\"jsonrpc\":\"2.0\",}",
        "{} {}",
        "[1,]",
        "{\"a\":01}",
        "{\"a\":\"\n\"}",
        "\u{feff}{}",
        "{\"a\":\"\\x\"}",
        "{'a':1}",
        "{\"jsonrpc\":\"2.0\",\"method\":\"a\"}\0",
        "NaN",
    ];
    for text in texts {
        assert_eq!(refused(text), (-32700, None), "{text:?}");
    }
    assert_eq!(
        parse(b"{\"jsonrpc\":\"2.0\",\"method\":\"\xff\"}")
            .unwrap_err()
            .error
            .code,
        -32700
    );
    assert_eq!(parse(b"\"\xed\xa0\x80\"").unwrap_err().error.code, -32700);
}

#[test]
fn a_bad_envelope_echoes_the_id_where_it_is_known() {
    let seven = Some(RequestId::from_number(7));
    let cases = [
        ("{}", None),
        ("3", None),
        ("\"x\"", None),
        ("null", None),
        (r#"{"id":7,"method":"a"}"#, seven.clone()),
        (r#"{"jsonrpc":"1.0","id":7,"method":"a"}"#, seven.clone()),
        (r#"{"jsonrpc":2.0,"id":7,"method":"a"}"#, seven.clone()),
        (r#"{"jsonrpc":"2.0","id":7}"#, seven.clone()),
        (r#"{"jsonrpc":"2.0","id":7,"method":null}"#, seven.clone()),
        (r#"{"jsonrpc":"2.0","id":7,"method":"\ud800"}"#, seven.clone()),
        (
            r#"{"jsonrpc":"2.0","id":7,"method":"a","params":null}"#,
            seven.clone(),
        ),
        (
            r#"{"jsonrpc":"2.0","id":7,"method":"a","params":"x"}"#,
            seven.clone(),
        ),
        (r#"{"jsonrpc":"2.0","id":7,"method":"a","result":{}}"#, seven),
        (r#"{"jsonrpc":"2.0","id":null,"method":"a"}"#, None),
        (r#"{"jsonrpc":"2.0","id":1.0,"method":"a"}"#, None),
        (r#"{"jsonrpc":"2.0","id":{},"method":"a"}"#, None),
        (r#"{"jsonrpc":"2.0","id":7,"result":{},"error":{}}"#, None),
        (r#"{"jsonrpc":"2.0","id":7,"result":null}"#, None),
        (r#"{"jsonrpc":"2.0","id":7,"error":"x"}"#, None),
    ];
    for (text, id) in cases {
        assert_eq!(refused(text), (-32600, id), "{text}");
    }
}

#[test]
fn duplicate_envelope_members_are_refused() {
    for text in [
        r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"a"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"a","\u006dethod":"b"}"#,
        r#"{"jsonrpc":"2.0","jsonrpc":"2.0","method":"a"}"#,
        r#"{"jsonrpc":"2.0","id":1,"params":{},"method":"a","params":{}}"#,
    ] {
        assert_eq!(refused(text), (-32600, None), "{text}");
    }
    single(r#"{"jsonrpc":"2.0","method":"a","x":1,"x":2}"#);
}

#[test]
fn a_batch_reports_each_element() {
    let text = r#"[{"jsonrpc":"2.0","method":"a"}, 1, [], {"jsonrpc":"2.0","id":2}]"#;
    let Ok(Incoming::Batch(elements)) = parse(text.as_bytes()) else {
        panic!()
    };
    assert_eq!(elements.len(), 4);
    assert!(elements[0].is_ok());
    assert!(
        elements[1..]
            .iter()
            .all(|element| element.as_ref().is_err_and(|error| error.error.code == -32600))
    );
    assert_eq!(
        elements[3].as_ref().unwrap_err().id,
        Some(RequestId::from_number(2))
    );
    assert_eq!(refused("[ ]"), (-32600, None));
}

#[test]
fn a_batch_has_a_bound() {
    let batch = |count: usize| format!("[{}]", vec!["1"; count].join(","));
    assert!(matches!(
        parse(batch(MAX_BATCH_MESSAGES).as_bytes()),
        Ok(Incoming::Batch(_))
    ));
    assert_eq!(refused(&batch(MAX_BATCH_MESSAGES + 1)), (-32600, None));
}

#[test]
fn depth_is_counted_outside_strings_only() {
    assert!(max_depth(br#"{"a":[[1]]}"#, 3).is_ok());
    assert_eq!(max_depth(br#"{"a":[[1]]}"#, 2).unwrap_err().code, -32600);
    assert!(max_depth(br#"{"[[[[\"[[[\\":"{{{","b":[],"c":[]}"#, 2).is_ok());
    assert!(max_depth(br#""[[[["#, 0).is_ok());
    assert!(max_depth(b"\"\\", 0).is_ok());
    assert!(max_depth(b"]]]]", 0).is_ok());
}

#[test]
fn very_deep_json_does_not_overflow_the_stack() {
    let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    let text = format!(r#"{{"jsonrpc":"2.0","method":"a","params":{deep},"x":{deep}}}"#);
    assert_eq!(single(&text).params().unwrap().get().len(), deep.len());
    assert!(max_depth(text.as_bytes(), 100).is_err());
    let objects = format!("{}1{}", "{\"a\":".repeat(100_000), "}".repeat(100_000));
    assert_eq!(refused(&objects), (-32600, None));
}

const SAMPLES: &[&str] = &[
    r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"\u00e9\ud83d\ude00","arguments":{"a":[1,-2.5e3]}}}"#,
    r#"[{"jsonrpc":"2.0","id":"x\\","result":{"a":null}},{"jsonrpc":"2.0","method":"n"}]"#,
    r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"é","data":[true,false]}}"#,
];

#[test]
fn no_truncation_panics_and_none_is_taken_for_the_whole() {
    for sample in SAMPLES {
        for end in 0..sample.len() {
            assert!(
                parse(&sample.as_bytes()[..end]).is_err(),
                "{end} bytes of {sample}"
            );
            let _ = max_depth(&sample.as_bytes()[..end], 64);
        }
        assert!(parse(sample.as_bytes()).is_ok());
    }
}

#[test]
fn no_changed_byte_panics_and_what_passes_is_json() {
    for sample in SAMPLES {
        for place in 0..sample.len() {
            for byte in [
                0, b'\n', b' ', b'"', b'\\', b'{', b'}', b'[', b']', b':', b',', b'0', b'-', b'u', 0x80, 0xff,
            ] {
                let mut changed = sample.as_bytes().to_vec();
                changed[place] = byte;
                if let Ok(Incoming::Single(message)) = parse(&changed) {
                    let text = std::str::from_utf8(&changed).unwrap();
                    assert!(serde_json::from_str::<&RawValue>(text).is_ok());
                    assert!(message.method().is_some() || matches!(message, Message::Response(_)));
                }
                let _ = max_depth(&changed, 64);
            }
        }
    }
}
