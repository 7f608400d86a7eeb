//! The `governance.audit` block as it is written.

use super::tagged::{self, Variant};
use crate::app::OnFailure;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use std::borrow::Cow;
use std::path::PathBuf;

/// One line for every call of a tool, prompt or resource: who, when, what and how it ended.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawAudit {
    /// Writes the lines. Default: false.
    pub(crate) enabled: bool,
    /// Refuses to start when a sink cannot be opened. Default: false.
    pub(crate) required: bool,
    /// What happens to calls while lines cannot be written: `fail_open` serves them, counts lost lines and warns; `fail_closed` refuses them and needs `required: true`. Default: fail_open.
    pub(crate) on_failure: OnFailure,
    /// Where the lines go; every sink gets all of them. Required when enabled. Default: none.
    pub(crate) sinks: Vec<RawSink>,
    /// Writes the arguments of calls too. Default: false.
    pub(crate) include_arguments: bool,
    /// The arguments whose values are replaced by `[redacted]`: paths with dots, as in `password` or `user.*.token`, where `*` is any member or list item of one level. Default: none.
    pub(crate) redact: Vec<String>,
}

/// Where lines go, chosen by `kind`.
#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum RawSink {
    File(RawFileSink),
    Stderr,
}

/// A file that lines are appended to. It is opened again on SIGHUP.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawFileSink {
    /// The file; made with access for its owner only where it is missing. A relative path belongs to the folder of the configuration file. Required.
    pub(crate) path: PathBuf,
}

impl JsonSchema for RawSink {
    fn schema_name() -> Cow<'static, str> {
        "Sink".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let nothing_else = json_schema!({
            "type": "object",
            "properties": {},
            "additionalProperties": false,
        });
        tagged::schema(
            "kind",
            "Where lines go: `file` or `stderr`. Required.",
            vec![
                Variant {
                    name: "file",
                    schema: RawFileSink::json_schema(generator),
                },
                Variant {
                    name: "stderr",
                    schema: nothing_else,
                },
            ],
        )
    }
}
