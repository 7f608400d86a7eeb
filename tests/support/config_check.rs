//! `mcpg-config-check`, run in a folder of its own.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::gateway::executable;

/// A folder with configuration files, in which the tool runs.
pub(crate) struct ConfigCheck {
    folder: TempDir,
    variables: Vec<(String, String)>,
    input: String,
}

/// How a check ended.
#[derive(Debug)]
pub(crate) struct Checked {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl ConfigCheck {
    /// A folder with one file `config.yaml`.
    pub(crate) fn of(text: &str) -> Self {
        let check = Self {
            folder: tempfile::tempdir().expect("the temporary folder is writable"),
            variables: Vec::new(),
            input: String::new(),
        };
        check.file("config.yaml", text)
    }

    /// One more file.
    pub(crate) fn file(self, name: &str, text: impl AsRef<[u8]>) -> Self {
        fs::write(self.path(name), text).expect("the temporary folder is writable");
        self
    }

    /// What stands on standard input.
    pub(crate) fn input(mut self, text: &str) -> Self {
        text.clone_into(&mut self.input);
        self
    }

    /// A variable in the tool's environment.
    pub(crate) fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The path of a file in the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs the tool in the folder and waits for its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Checked {
        self.run_into(arguments, Stdio::piped())
    }

    /// Runs the tool with its standard output going somewhere else.
    pub(crate) fn run_into(&self, arguments: &[&str], stdout: impl Into<Stdio>) -> Checked {
        let mut child = self
            .command()
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(stdout)
            .stderr(Stdio::piped())
            .spawn()
            .expect("the tool starts");
        let mut input = child.stdin.take().expect("it is a pipe");
        // The tool may end without reading it.
        let _ = input.write_all(self.input.as_bytes());
        drop(input);
        let output = child.wait_with_output().expect("the tool ends");
        let text = |bytes| String::from_utf8(bytes).expect("the output is UTF-8");
        Checked {
            code: output.status.code().expect("the tool ends by itself"),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    fn command(&self) -> Command {
        let tool = executable().with_file_name("mcpg-config-check");
        let build = "cargo build -p mcpg-config-check";
        assert!(tool.is_file(), "the tool is not there; build it first: {build}");
        let mut command = Command::new(tool);
        command.current_dir(self.folder.path()).env_clear();
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }
}

impl Checked {
    /// Makes sure that the configuration is valid, and that this and nothing else was said.
    pub(crate) fn assert_valid(&self, line: &str) {
        assert_eq!((self.code, self.stderr.as_str()), (0, ""), "{self:?}");
        assert_eq!(self.stdout, format!("{line}\n"));
    }

    /// Makes sure that the configuration is invalid, and that exactly this was said.
    pub(crate) fn assert_invalid(&self, report: &str) {
        assert_eq!(self.stderr, report);
        assert_eq!((self.code, self.stdout.as_str()), (1, ""));
    }
}

/// The published schema, as it is committed.
pub(crate) fn published_schema() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schemas/app-config.json");
    fs::read_to_string(path).expect("the schema is committed")
}
