//! The backend that runs a program.

use super::Template;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// A backend that runs one program per call, without a shell.
#[derive(Clone)]
pub struct Command {
    /// The program: a path, or a name that is looked up in `PATH`.
    pub program: PathBuf,
    /// Its arguments; each stays one argument whatever a caller sends.
    pub args: Vec<Template>,
    /// Variables of its environment besides the few that every program gets.
    pub env: BTreeMap<String, Template>,
    /// The folder that it runs in.
    pub cwd: Option<PathBuf>,
    /// How long it may run.
    pub timeout: Duration,
    /// What it reads on standard input; absent, that is empty.
    pub stdin: Option<Template>,
    /// The largest output in bytes (`max_output_mb`), for each of its two outputs.
    pub max_output_bytes: usize,
}

/// Shows no values of variables and no arguments: they may be credentials.
impl fmt::Debug for Command {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&String> = self.env.keys().collect();
        formatter
            .debug_struct("Command")
            .field("program", &self.program)
            .field("args", &self.args)
            .field("env", &names)
            .field("cwd", &self.cwd)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
