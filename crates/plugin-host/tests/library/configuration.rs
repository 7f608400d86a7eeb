//! Mistakes in the configuration, as the operator sees them.

use mcpg_plugin_host::Deadlines;
use serde_json::{Value, json};

use crate::libraries::fixture;

#[tokio::test]
async fn three_mistakes_of_shape_are_found_at_once() {
    let config = json!({"deployment": 5, "size": "big", "sise": "secret"});
    let mistakes = mistakes(&config).await;
    let paths: Vec<&str> = mistakes.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(paths, ["/deployment", "/sise", "/size"]);
    assert!(
        mistakes[1]
            .1
            .starts_with("there is no such key; known are `deployment`"),
        "{mistakes:?}"
    );
    assert!(mistakes[2].1.contains("integer"), "{mistakes:?}");
    let shown = format!("{mistakes:?}");
    assert!(
        !shown.contains("secret") && !shown.contains("big"),
        "a value is shown: {shown}"
    );
}

#[tokio::test]
async fn three_mistakes_that_only_the_plugin_knows_are_found_at_once() {
    let config = json!({"deployment": "", "size": 99, "limit": 3});
    let expected = [
        ("/deployment", "must not be empty"),
        ("/size", "must be from 1 to 10"),
        ("/limit", "must not be less than size"),
    ];
    let expected = expected.map(|(path, message)| (path.to_owned(), message.to_owned()));
    assert_eq!(mistakes(&config).await, expected);
}

#[tokio::test]
async fn an_unknown_key_hides_no_mistake_that_only_the_plugin_knows() {
    let mistakes = mistakes(&json!({"deployment": "", "sise": 3})).await;
    let paths: Vec<&str> = mistakes.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(paths, ["/sise", "/deployment"]);
}

#[tokio::test]
async fn what_the_schema_lets_through_the_types_still_refuse() {
    let mistakes = mistakes(&json!({"deployment": "x", "fault": "no such fault"})).await;
    assert_eq!(mistakes.len(), 1, "{mistakes:?}");
    assert!(mistakes[0].1.contains("unknown variant"), "{mistakes:?}");
}

#[tokio::test]
async fn a_configuration_without_mistakes_has_none() {
    assert_eq!(
        mistakes(&json!({"deployment": "x", "size": 2, "limit": 2})).await,
        []
    );
}

async fn mistakes(config: &Value) -> Vec<(String, String)> {
    let found = fixture(Deadlines::default()).validate(config).await.unwrap();
    found
        .into_iter()
        .map(|mistake| (mistake.path, mistake.message))
        .collect()
}
