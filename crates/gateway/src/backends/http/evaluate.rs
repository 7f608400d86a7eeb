//! Evaluates expressions over an answer, with an end.
//!
//! The standard promises that an expression ends, but not soon: loops inside loops over a long list take as long as they
//! like. So each step of a loop asks whether it may be done.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::thread;

use cel::objects::{Key, Map};
use cel::{Context, Env, ExecutionError, Value as Cel};
use http::HeaderMap;
use mcpg_config::app::ResultExpression;
use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio_util::sync::CancellationToken;

use super::send::Answer;

/// How many steps all loops of an evaluation take together.
const MOST_STEPS: usize = 1_000_000;
/// The configuration lets an expression be 64 levels deep; each takes some 40 KiB where nothing is optimised. Only what is
/// used of a stack takes memory.
const STACK: usize = 32 * 1024 * 1024;
/// How much of an error is told, in characters.
const SHOWN: usize = 500;

static FUNCTIONS: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(ResultExpression::functions()));

/// Watches over the steps of one evaluation.
#[derive(Clone)]
pub(super) struct Watch {
    given_up: CancellationToken,
    steps: Arc<AtomicUsize>,
    most: usize,
    /// Given back when the evaluation is over, which may be later than its call.
    _place: Option<Arc<OwnedSemaphorePermit>>,
}

impl Watch {
    /// A watch that ends the evaluation when the token is cancelled, and keeps its place until then.
    pub(super) fn new(given_up: CancellationToken, place: OwnedSemaphorePermit) -> Self {
        Self {
            given_up,
            steps: Arc::default(),
            most: MOST_STEPS,
            _place: Some(Arc::new(place)),
        }
    }

    fn step(&self) -> Result<Cel, ExecutionError> {
        let steps = self.steps.fetch_add(1, Ordering::Relaxed);
        if steps >= self.most || self.given_up.is_cancelled() {
            return Err(ExecutionError::function_error("loop", "too many steps"));
        }
        Ok(Cel::Bool(true))
    }

    fn is_exhausted(&self) -> bool {
        self.steps.load(Ordering::Relaxed) > self.most
    }
}

/// Evaluates an expression, on a thread of its own: that is work without a pause, and it goes as deep as the expression.
///
/// # Errors
/// Why it has no value for this answer, for the caller.
pub(super) async fn evaluate(
    expression: ResultExpression,
    answer: Answer,
    watch: Watch,
) -> Result<Value, String> {
    let (tell, evaluated) = oneshot::channel();
    let work = move || {
        // Nobody is told who has given the call up.
        let _ = tell.send(value(&expression, &answer, &watch));
    };
    thread::Builder::new()
        .name("result".to_owned())
        .stack_size(STACK)
        .spawn(work)
        .map_err(|error| format!("the `result` expression cannot be evaluated: {error}"))?;
    // The thread has panicked when it ends without a word.
    evaluated
        .await
        .map_err(|_| "the `result` expression cannot be evaluated for this answer".to_owned())?
}

fn value(expression: &ResultExpression, answer: &Answer, watch: &Watch) -> Result<Value, String> {
    let failed = |why: &str| format!("the `result` expression fails for this answer: {}", shorten(why));
    let context = context(expression, answer, watch).map_err(|error| failed(&error))?;
    let value = context.resolve(expression.expression());
    if watch.is_exhausted() {
        return Err(failed(&format!("it takes more than {} steps", watch.most)));
    }
    let value = value.map_err(|error| failed(&error.to_string()))?;
    to_json(&value).map_err(|kind| failed(&format!("a value of the type {kind} is no result")))
}

/// Holds what the expression uses, and nothing else: the rest need not be converted.
fn context(
    expression: &ResultExpression,
    answer: &Answer,
    watch: &Watch,
) -> Result<Context<'static, 'static>, String> {
    let used = expression.expression().references();
    let mut context = Context::with_env(Arc::clone(&FUNCTIONS));
    let watch = watch.clone();
    context
        .add_function(ResultExpression::STEP, move || watch.step())
        .map_err(|error| error.to_string())?;
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
    Ok(context)
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

fn shorten(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests;
