//! What a test may read and change over plain HTTP.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::State as Shared,
    http::StatusCode,
    routing::{get, post},
};
use rmcp::model::LoggingLevel;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    listeners::ChangedList,
    state::{Outage, State},
};

type Answer = Result<Json<Value>, (StatusCode, String)>;

/// A tool, prompt or resource to add or remove.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    /// Name of the tool or prompt, address of the resource.
    name: String,
    /// Description of what is added.
    #[serde(default)]
    description: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Updated {
    uri: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Message {
    level: LoggingLevel,
    text: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Refusal {
    #[serde(default)]
    status: Option<u16>,
    #[serde(default)]
    count: Option<u64>,
}

/// Builds the routes of this file.
pub(crate) fn router(state: &Arc<State>) -> Router {
    Router::new()
        .route("/stats", get(stats))
        .route("/stats/reset", post(reset))
        .route("/control/tools/add", post(add_tool))
        .route("/control/tools/remove", post(remove_tool))
        .route("/control/prompts/add", post(add_prompt))
        .route("/control/prompts/remove", post(remove_prompt))
        .route("/control/resources/add", post(add_resource))
        .route("/control/resources/remove", post(remove_resource))
        .route("/control/resources/updated", post(resource_updated))
        .route("/control/log", post(log))
        .route("/control/outage/start", post(start_outage))
        .route("/control/outage/end", post(end_outage))
        .route("/control/sessions/forget", post(forget_sessions))
        .route("/control/streams/close", post(close_streams))
        .with_state(Arc::clone(state))
}

async fn stats(Shared(state): Shared<Arc<State>>) -> Json<Value> {
    let mut stats = state.stats.snapshot();
    stats["name"] = json!(state.options.name);
    stats["sessions"]["active"] = json!(state.sessions.active().await);
    stats["listeners"] = state.listeners.snapshot();
    stats["tasks_running"] = json!(state.tasks.running_task_count());
    Json(stats)
}

async fn reset(Shared(state): Shared<Arc<State>>) -> Json<Value> {
    state.stats.reset();
    Json(json!({}))
}

async fn add_tool(Shared(state): Shared<Arc<State>>, Json(entry): Json<Entry>) -> Json<Value> {
    state
        .catalogue
        .add_tool(&entry.name, entry.description.as_deref().unwrap_or(&entry.name));
    announce(&state, ChangedList::Tools).await
}

async fn remove_tool(Shared(state): Shared<Arc<State>>, Json(entry): Json<Entry>) -> Answer {
    known(state.catalogue.remove_tool(&entry.name), "tool", &entry.name)?;
    Ok(announce(&state, ChangedList::Tools).await)
}

async fn add_prompt(Shared(state): Shared<Arc<State>>, Json(entry): Json<Entry>) -> Json<Value> {
    state
        .catalogue
        .add_prompt(&entry.name, entry.description.as_deref().unwrap_or(&entry.name));
    announce(&state, ChangedList::Prompts).await
}

async fn remove_prompt(Shared(state): Shared<Arc<State>>, Json(entry): Json<Entry>) -> Answer {
    known(state.catalogue.remove_prompt(&entry.name), "prompt", &entry.name)?;
    Ok(announce(&state, ChangedList::Prompts).await)
}

async fn add_resource(Shared(state): Shared<Arc<State>>, Json(entry): Json<Entry>) -> Json<Value> {
    state
        .catalogue
        .add_resource(&entry.name, entry.description.as_deref().unwrap_or(&entry.name));
    announce(&state, ChangedList::Resources).await
}

async fn remove_resource(Shared(state): Shared<Arc<State>>, Json(entry): Json<Entry>) -> Answer {
    known(
        state.catalogue.remove_resource(&entry.name),
        "resource",
        &entry.name,
    )?;
    Ok(announce(&state, ChangedList::Resources).await)
}

async fn resource_updated(Shared(state): Shared<Arc<State>>, Json(updated): Json<Updated>) -> Json<Value> {
    told(state.listeners.resource_updated(&updated.uri).await)
}

async fn log(Shared(state): Shared<Arc<State>>, Json(message): Json<Message>) -> Json<Value> {
    told(state.listeners.log(message.level, &message.text).await)
}

async fn start_outage(Shared(state): Shared<Arc<State>>, refusal: Option<Json<Refusal>>) -> Json<Value> {
    let Json(refusal) = refusal.unwrap_or_default();
    let status = refusal.status.unwrap_or(503);
    state.set_outage(Some(Outage {
        status,
        remaining: refusal.count,
    }));
    Json(json!({ "status": status }))
}

async fn end_outage(Shared(state): Shared<Arc<State>>) -> Json<Value> {
    state.set_outage(None);
    Json(json!({}))
}

async fn forget_sessions(Shared(state): Shared<Arc<State>>) -> Answer {
    let forgotten = state.sessions.forget_all().await.map_err(failed)?;
    Ok(Json(json!({ "forgotten": forgotten })))
}

async fn close_streams(Shared(state): Shared<Arc<State>>) -> Answer {
    let sessions = state.sessions.close_standalone_streams().await.map_err(failed)?;
    Ok(Json(json!({ "sessions": sessions })))
}

async fn announce(state: &State, list: ChangedList) -> Json<Value> {
    told(state.listeners.list_changed(list).await)
}

fn told(clients: usize) -> Json<Value> {
    Json(json!({ "told": clients }))
}

fn known(known: bool, kind: &str, name: &str) -> Result<(), (StatusCode, String)> {
    if known {
        Ok(())
    } else {
        Err((StatusCode::NOT_FOUND, format!("no {kind} {name:?}")))
    }
}

fn failed(error: impl std::fmt::Display) -> (StatusCode, String) {
    (StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
}
