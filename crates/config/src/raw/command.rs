//! `backend.kind: command` as it is written.

use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Runs a program, without a shell.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawCommand {
    /// The program: a name that is looked up in `PATH`, or a path, relative to this file. Required.
    #[schemars(length(min = 1))]
    pub(crate) program: String,
    /// The arguments, with `${arguments.x}` filled in. Each stays one argument; one that is only an absent argument is left out. Write `--` or `--name=` before what could begin with a dash. Default: none.
    #[serde(default)]
    pub(crate) args: Vec<String>,
    /// Variables added to the environment, with `${arguments.x}` filled in. Of the gateway's own environment the program gets only PATH, HOME, USER, LOGNAME, LANG, LC_ALL, LC_CTYPE, TZ and TMPDIR. Default: none.
    #[serde(default)]
    pub(crate) env: BTreeMap<String, String>,
    /// The folder that the program runs in, relative to this file. Default: the folder that the gateway runs in.
    pub(crate) cwd: Option<PathBuf>,
    /// How long the program may run, in milliseconds; then it is ended with all that it started. Default: 30000. Range: 1..=3600000.
    #[serde(default = "timeout_ms")]
    #[schemars(range(min = 1, max = 3_600_000))]
    pub(crate) timeout_ms: u64,
    /// What the program reads on standard input, with `${arguments.x}` filled in. Default: nothing.
    pub(crate) stdin: Option<String>,
    /// The largest output, in MiB; a program that writes more is ended. Default: 4. Range: 1..=1024.
    #[serde(default = "max_output_mb")]
    #[schemars(range(min = 1, max = 1024))]
    pub(crate) max_output_mb: u32,
}

fn timeout_ms() -> u64 {
    30_000
}

fn max_output_mb() -> u32 {
    4
}
