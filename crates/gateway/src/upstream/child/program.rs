//! The program that a child runs, and what of it may be shown.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use mcpg_config::app::CommandTransport;
use tokio::process::Command;

use crate::upstream::error::SetupError;

/// What a program needs to find its way about; everything else of the gateway's environment, where its own credentials
/// may be, is kept from it.
const INHERITED: [&str; 11] = [
    "HOME", "LANG", "LC_ALL", "LC_CTYPE", "LOGNAME", "PATH", "SHELL", "TERM", "TMPDIR", "TZ", "USER",
];
/// Shorter values are no secrets, and hiding them would make a log unreadable.
const SHORTEST_SECRET: usize = 4;
const HIDDEN: &str = "***";

/// A program, how it is called, and what must not be shown of it.
pub(in crate::upstream) struct Program {
    /// The name of the federation.
    pub(super) upstream: String,
    program: PathBuf,
    args: Vec<String>,
    env: Vec<(OsString, OsString)>,
    cwd: Option<PathBuf>,
    /// The values of the configured environment, the longest first: one may be a part of another.
    secrets: Vec<String>,
}

impl Program {
    pub(in crate::upstream) fn new(upstream: &str, command: &CommandTransport) -> Result<Self, SetupError> {
        let inherited = INHERITED
            .iter()
            .filter_map(|name| Some((OsString::from(name), std::env::var_os(name)?)));
        let own = command
            .env
            .iter()
            .map(|(name, value)| (name.into(), value.into()));
        let mut secrets: Vec<String> = command
            .env
            .values()
            .filter(|value| value.len() >= SHORTEST_SECRET)
            .cloned()
            .collect();
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        Ok(Self {
            upstream: upstream.to_owned(),
            program: if command.program.components().count() > 1 || command.program.is_absolute() {
                absolute("command", &command.program)?
            } else {
                command.program.clone()
            },
            args: command.args.clone(),
            env: inherited.chain(own).collect(),
            cwd: command
                .cwd
                .as_deref()
                .map(|cwd| absolute("cwd", cwd))
                .transpose()?,
            secrets,
        })
    }

    /// A command that starts it in a process group of its own, without a shell.
    pub(super) fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(&self.args)
            .env_clear()
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        if let Some(cwd) = &self.cwd {
            command.current_dir(cwd);
        }
        command
    }

    /// The program as the configuration calls it.
    pub(super) fn name(&self) -> impl fmt::Display + '_ {
        self.program.display()
    }

    /// The folder that it runs in, where that is configured.
    pub(super) fn cwd(&self) -> Option<&Path> {
        self.cwd.as_deref()
    }

    /// Makes one harmless line of what the program has written: the values of its environment are hidden, control
    /// characters are blanks, and the end is cut off.
    pub(super) fn showable(&self, written: &[u8], longest: usize) -> String {
        let mut text = String::from_utf8_lossy(written).into_owned();
        for secret in &self.secrets {
            if text.contains(secret.as_str()) {
                text = text.replace(secret.as_str(), HIDDEN);
            }
        }
        let mut shown: String = text
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .take(longest + 1)
            .collect();
        if shown.chars().count() > longest {
            shown.pop();
            shown.push('…');
        }
        shown.truncate(shown.trim_end().len());
        shown
    }
}

fn absolute(key: &str, path: &Path) -> Result<PathBuf, SetupError> {
    std::path::absolute(path)
        .map_err(|error| SetupError::new(format!("{key} {} cannot be used: {error}", path.display())))
}

/// Leaves out arguments and environment, which may hold credentials.
impl fmt::Debug for Program {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Program")
            .field("program", &self.program)
            .field("cwd", &self.cwd)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_program_writes_is_shown_without_its_environment() {
        let command = CommandTransport {
            program: "server".into(),
            args: vec!["--token=argument".to_owned()],
            env: [("A", "hush"), ("B", "hushhush"), ("C", "no")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            cwd: None,
        };
        let program = Program::new("up", &command).expect("a bare name needs nothing");
        assert_eq!(
            program.showable(b"hushhush, hush: no\x1b[31m \r", 100),
            "***, ***: no [31m"
        );
        assert_eq!(program.showable(&[b'x'; 50], 10), "xxxxxxxxxx…");
        assert_eq!(program.showable(b"caf\xff", 10), "caf\u{fffd}");
        let debug = format!("{program:?}");
        assert!(!debug.contains("hush") && !debug.contains("argument"), "{debug}");
    }
}
