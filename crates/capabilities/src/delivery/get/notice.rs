//! What a client is told of messages that it will never get.

use serde_json::value::RawValue;

/// A `notifications/message` that says how many messages of a session were lost because they waited for too long.
pub fn messages_lost(count: u64) -> Box<RawValue> {
    let text = format!(
        concat!(
            r#"{{"jsonrpc":"2.0","method":"notifications/message","params":{{"level":"warning","logger":"mcpg","#,
            r#""data":{{"reason":"messages_lost","count":{count},"#,
            r#""message":"messages of this session were dropped before a stream could take them"}}}}}}"#
        ),
        count = count
    );
    RawValue::from_string(text).expect("numbers between constants of JSON are JSON")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn d7_the_client_is_told_how_many_messages_are_lost() {
        let text = messages_lost(7);
        let notice: serde_json::Value = serde_json::from_str(text.get()).unwrap();
        assert_eq!(notice["method"], "notifications/message");
        assert_eq!(notice["params"]["level"], "warning");
        assert_eq!(notice["params"]["logger"], "mcpg");
        assert_eq!(notice["params"]["data"]["reason"], "messages_lost");
        assert_eq!(notice["params"]["data"]["count"], 7);
    }
}
