//! The backend that runs a program.
//!
//! No shell is involved: what a caller sends is part of single arguments, of variables or of the input. The program
//! runs in a process group of its own, which is ended as a whole ([`process`]).

mod environment;
mod output;
mod process;
mod programs;

use std::ffi::OsString;
use std::sync::Arc;

use mcpg_config::app::{Command, Template};
use tracing::warn;

use super::arguments::{Arguments, fill_present, named};
use super::reply::{BackendError, Reply};
use process::{Ended, Finished, Prepared};
pub(crate) use programs::Programs;
use programs::{AT_ONCE, Running};

/// How much of the end of an output is told of a failure, in bytes.
const SHOWN: usize = 2_000;

/// What all command backends share.
#[derive(Debug)]
pub(super) struct CommandBackends {
    running: Arc<Running>,
}

impl CommandBackends {
    pub(super) fn new() -> Self {
        Self {
            running: Arc::new(Running::new()),
        }
    }

    /// All programs that run, for whoever ends them.
    pub(super) fn programs(&self) -> Programs {
        Programs::new(&self.running)
    }

    /// Runs the program once and makes a result of its output. Dropping the future ends the program and everything
    /// that it started.
    pub(super) async fn call(&self, command: &Command, arguments: &Arguments) -> Result<Reply, BackendError> {
        let prepared = prepare(command, arguments).map_err(BackendError::Refused)?;
        let place = self.running.place().ok_or_else(|| {
            BackendError::Overloaded(format!(
                "{AT_ONCE} programs are running already; try again when one of them is done"
            ))
        })?;
        match process::run(prepared, place, &self.running).await {
            Ok(finished) => reply(command, &finished).map_err(BackendError::Failed),
            Err(error) => {
                warn!(message = "A program could not be started.", program = %command.program.display(), %error);
                Err(BackendError::Failed(format!(
                    "the program cannot be started: {error}"
                )))
            }
        }
    }
}

fn prepare(command: &Command, arguments: &Arguments) -> Result<Prepared, String> {
    let passable = |template: &Template| -> Result<Option<String>, String> {
        let text = fill_present(template, arguments);
        match text.as_ref().is_some_and(|text| text.contains('\0')) {
            true => Err(format!(
                "{} holds a NUL, which cannot be passed to a program",
                named(template)
            )),
            false => Ok(text),
        }
    };
    let mut args = Vec::with_capacity(command.args.len());
    for template in &command.args {
        args.extend(passable(template)?.map(OsString::from));
    }
    let mut env = environment::of_every_program();
    for (name, template) in &command.env {
        if let Some(value) = passable(template)? {
            env.insert(name.into(), value.into());
        }
    }
    Ok(Prepared {
        program: command.program.clone(),
        args,
        env,
        cwd: command.cwd.clone(),
        // A NUL is a byte like others here.
        stdin: command
            .stdin
            .as_ref()
            .and_then(|template| fill_present(template, arguments)),
        timeout: command.timeout,
        max_output_bytes: command.max_output_bytes,
    })
}

fn reply(command: &Command, finished: &Finished) -> Result<Reply, String> {
    let why = match &finished.ended {
        Ended::Exited(status) if status.success() => return Ok(Reply::from_bytes(&finished.stdout)),
        Ended::Exited(status) => process::describe(*status),
        Ended::TimedOut => format!(
            "the program did not end within {} ms and was stopped",
            command.timeout.as_millis()
        ),
        Ended::Cancelled => "the program was stopped, because the gateway stops".to_owned(),
        Ended::TooLong(output) => format!(
            "the program wrote more than {} bytes to {output} and was stopped (`max_output_mb`)",
            command.max_output_bytes
        ),
        Ended::Lost(error) => format!("the program could not be followed to its end: {error}"),
    };
    // Where a program has nothing to say of its failure, its output may.
    let said = [&finished.stderr, &finished.stdout]
        .into_iter()
        .map(|output| output::end(output, SHOWN))
        .find(|said| !said.is_empty());
    Err(match said {
        Some(said) => format!("{why}:\n{said}"),
        None => why,
    })
}
