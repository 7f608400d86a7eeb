//! What becomes of an answer.

use std::sync::{Arc, LazyLock};

use mcpg_config::app::Http;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::evaluate::{Watch, evaluate};
use super::send::{Answer, host};
use crate::backends::reply::Reply;

/// How much of an unexpected answer is told, in characters.
const SHOWN: usize = 1_000;

/// How many expressions are evaluated at once: that is work for a processor and nothing else.
const AT_ONCE: usize = 4;

static EVALUATIONS: LazyLock<Arc<Semaphore>> = LazyLock::new(|| Arc::new(Semaphore::new(AT_ONCE)));

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
    let given_up = CancellationToken::new();
    let watch = Watch::new(given_up.clone(), place);
    // When the call ends for any reason, the evaluation does so before its next step.
    let _given_up_when_dropped = given_up.drop_guard();
    evaluate(expression.clone(), answer, watch)
        .await
        .map(Reply::from_value)
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
