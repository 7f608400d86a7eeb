//! `backend.kind: http` as it is written.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::Value;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Sends an HTTP request.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawHttp {
    /// Where the request goes, `http://` or `https://`; `${arguments.x}` may stand behind the host, in path and query. Required.
    #[schemars(extend("examples" = ["https://api.example.com/things/${arguments.id}"]))]
    pub(crate) url: String,
    /// The method of the request. Default: get.
    #[serde(default)]
    pub(crate) method: RawMethod,
    /// Headers of the request, with `${arguments.x}` filled in, as in `authorization: Bearer ${env.TOKEN}`. Default: none.
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, String>,
    /// Parameters added to the query of the URL, with `${arguments.x}` filled in; one that is only an absent argument is left out. Default: none.
    #[serde(default)]
    pub(crate) query: BTreeMap<String, String>,
    /// The body, with `${arguments.x}` filled in: a map or list is sent as JSON, a text as it is. Default: none.
    pub(crate) body: Option<RawBody>,
    /// How long everything may take, from the name of the host to the end of the answer, in milliseconds. Default: 30000. Range: 1..=3600000.
    #[serde(default = "timeout_ms")]
    #[schemars(range(min = 1, max = 3_600_000))]
    pub(crate) timeout_ms: u64,
    /// The status codes that are no failure: numbers and ranges, as in `[200..=299, 404]`. Default: [200..=299].
    #[serde(default = "expected_status_codes")]
    pub(crate) expected_status_codes: Vec<RawStatusCodes>,
    /// A CEL expression over `status`, `headers`, `json` and `text` that gives the result. Default: the body of the answer.
    #[schemars(length(min = 1, max = 4096))]
    pub(crate) result: Option<String>,
    /// The largest answer, in MiB. Default: 4. Range: 1..=1024.
    #[serde(default = "max_response_mb")]
    #[schemars(range(min = 1, max = 1024))]
    pub(crate) max_response_mb: u32,
    /// Allows addresses that are not public: this machine, local networks, link-local and other special addresses. Default: false.
    #[serde(default)]
    pub(crate) allow_private: bool,
}

fn timeout_ms() -> u64 {
    30_000
}

fn expected_status_codes() -> Vec<RawStatusCodes> {
    vec![RawStatusCodes::Range("200..=299".to_owned())]
}

fn max_response_mb() -> u32 {
    4
}

/// The method of a request.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(crate) enum RawMethod {
    #[default]
    Get,
    Head,
    Post,
    Put,
    Patch,
    Delete,
    Options,
}

/// One status code or a range of them.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum RawStatusCodes {
    One(u16),
    Range(String),
}

impl JsonSchema for RawStatusCodes {
    fn schema_name() -> Cow<'static, str> {
        "StatusCodes".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["integer", "string"],
            "minimum": 100,
            "maximum": 599,
            "pattern": r"^[1-5]\d\d\.\.=[1-5]\d\d$",
        })
    }
}

/// What is sent as the body.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(crate) struct RawBody(pub(crate) Value);

impl JsonSchema for RawBody {
    fn schema_name() -> Cow<'static, str> {
        "Body".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "array", "object"] })
    }
}
