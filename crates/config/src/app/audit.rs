//! One line for every call.

use schemars::JsonSchema;
use serde::Deserialize;
use std::path::PathBuf;

/// The `governance.audit` block of a gateway that writes lines.
#[derive(Debug, Clone)]
pub struct Audit {
    /// Whether the gateway starts only when every sink can be opened.
    pub required: bool,
    /// What happens to calls while lines cannot be written. Closed only when required.
    pub on_failure: OnFailure,
    /// Where the lines go; at least one.
    pub sinks: Vec<AuditSink>,
    /// Whether the arguments of calls are written too.
    pub include_arguments: bool,
    /// The arguments whose values are hidden.
    pub redact: Vec<RedactPath>,
}

/// What happens to calls while lines cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum OnFailure {
    /// They are served, and lost lines are counted.
    #[default]
    FailOpen,
    /// They are refused.
    FailClosed,
}

/// Where lines go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuditSink {
    /// To the end of a file.
    File(PathBuf),
    /// To standard error.
    Stderr,
}

/// The way to an argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedactPath(pub Vec<RedactStep>);

/// One level of the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RedactStep {
    /// The member with this name.
    Member(String),
    /// Every member of an object and every item of a list.
    Any,
}

impl RedactPath {
    /// Reads `a.b` or `a.*.b`; a leading `arguments.` may stand there, as in expressions.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let path = text.strip_prefix("arguments.").unwrap_or(text);
        let steps = path.split('.').map(|step| match step {
            "" => Err("an empty step"),
            "*" => Ok(RedactStep::Any),
            step if step.contains(['*', '[', ']', '/', '$', '{', '}']) => {
                Err("a step that is neither a name nor `*`")
            }
            step => Ok(RedactStep::Member(step.to_owned())),
        });
        steps.collect::<Result<_, _>>().map(Self)
    }
}
