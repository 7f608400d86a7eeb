//! What becomes of an answer.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use cel::objects::{Key, Map};
use cel::{Context, Env, Value as Cel};
use http::HeaderMap;
use mcpg_config::app::{Http, ResultExpression};
use serde_json::Value;
use tokio::sync::Semaphore;

use super::send::{Answer, host};
use crate::backends::reply::Reply;

/// How much of an unexpected answer is told, in characters.
const SHOWN: usize = 1_000;

/// How many expressions are evaluated at once. An evaluation cannot be interrupted: one that takes very long ends its
/// call by the time limit, and keeps its place here until it is done.
const AT_ONCE: usize = 4;

static EVALUATIONS: LazyLock<Arc<Semaphore>> = LazyLock::new(|| Arc::new(Semaphore::new(AT_ONCE)));
static FUNCTIONS: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(ResultExpression::functions()));

/// Makes the result of a call.
///
/// # Errors
/// What is wrong with the answer, for the caller.
pub(super) async fn of(http: &Http, answer: Answer) -> Result<Reply, String> {
    if !http.expected_status_codes.contains(answer.status) {
        return Err(unexpected(http, &answer));
    }
    let Some(expression) = &http.result else {
        return Ok(Reply::from_bytes(&answer.body));
    };
    let place = Arc::clone(&EVALUATIONS)
        .acquire_owned()
        .await
        .map_err(|error| error.to_string())?;
    let expression = expression.clone();
    let evaluation = tokio::task::spawn_blocking(move || {
        let _place = place;
        evaluate(&expression, &answer)
    });
    match evaluation.await {
        Ok(value) => value.map(Reply::from_value),
        Err(_) => Err("the `result` expression cannot be evaluated for this answer".to_owned()),
    }
}

fn unexpected(http: &Http, answer: &Answer) -> String {
    let text = String::from_utf8_lossy(&answer.body);
    let shown = match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.into_owned(),
    };
    let mut message = format!(
        "{} answered with status {}",
        host(&http.url.origin),
        answer.status
    );
    if !shown.trim().is_empty() {
        message.push_str(":\n");
        message.push_str(&shown);
    }
    message
}

fn evaluate(expression: &ResultExpression, answer: &Answer) -> Result<Value, String> {
    let program = expression.program();
    let used = program.references();
    let mut context = Context::with_env(Arc::clone(&FUNCTIONS));
    if used.has_variable("status") {
        context.add_variable_from_value("status", i64::from(answer.status.as_u16()));
    }
    if used.has_variable("headers") {
        context.add_variable_from_value("headers", headers(&answer.headers));
    }
    if used.has_variable("json") {
        let json = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
        context.add_variable_from_value("json", to_cel(json));
    }
    if used.has_variable("text") {
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        context.add_variable_from_value("text", text);
    }
    let failed = |error: &dyn std::fmt::Display| {
        let mut why = error.to_string();
        if let Some((end, _)) = why.char_indices().nth(SHOWN) {
            why.truncate(end);
            why.push('…');
        }
        format!("the `result` expression fails for this answer: {why}")
    };
    let value = program.execute(&context).map_err(|error| failed(&error))?;
    to_json(&value).map_err(|kind| failed(&format!("a {kind} is no result")))
}

/// Names in small letters; what stands several times is joined by commas.
fn headers(headers: &HeaderMap) -> Cel {
    let mut joined: BTreeMap<&str, String> = BTreeMap::new();
    for (name, value) in headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        joined
            .entry(name.as_str())
            .and_modify(|known| {
                known.push_str(", ");
                known.push_str(&value);
            })
            .or_insert_with(|| value.into_owned());
    }
    let entries = joined
        .into_iter()
        .map(|(name, value)| (Key::from(name), Cel::from(value)));
    Cel::Map(Map {
        map: Arc::new(entries.collect()),
    })
}

/// Whole numbers become `int`, so that they go together with the numbers that people write.
fn to_cel(value: Value) -> Cel {
    match value {
        Value::Null => Cel::Null,
        Value::Bool(flag) => Cel::Bool(flag),
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(whole), _) => Cel::Int(whole),
            (None, Some(large)) => Cel::UInt(large),
            (None, None) => Cel::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Value::String(text) => Cel::from(text),
        Value::Array(items) => Cel::List(Arc::new(items.into_iter().map(to_cel).collect())),
        Value::Object(members) => {
            let entries = members
                .into_iter()
                .map(|(name, value)| (Key::from(name), to_cel(value)));
            Cel::Map(Map {
                map: Arc::new(entries.collect()),
            })
        }
    }
}

/// Members come in the order of their names: a CEL map has none of its own. What is no JSON gives its type.
fn to_json(value: &Cel) -> Result<Value, String> {
    Ok(match value {
        Cel::List(items) => Value::Array(items.iter().map(to_json).collect::<Result<_, _>>()?),
        Cel::Map(map) => {
            let mut members: Vec<(String, &Cel)> = map
                .map
                .iter()
                .map(|(key, value)| (key.to_string(), value))
                .collect();
            members.sort_by(|(one, _), (other, _)| one.cmp(other));
            let members = members
                .into_iter()
                .map(|(name, value)| Ok((name, to_json(value)?)));
            Value::Object(members.collect::<Result<_, String>>()?)
        }
        Cel::Int(_)
        | Cel::UInt(_)
        | Cel::Float(_)
        | Cel::String(_)
        | Cel::Bytes(_)
        | Cel::Bool(_)
        | Cel::Null => value.json().map_err(|_| value.type_of().to_string())?,
        other => return Err(other.type_of().to_string()),
    })
}
