//! The gateway under test: a configuration in a temporary folder and a process.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::mcp::Endpoint;
use super::processes::Program;

/// What a configuration starts from: a port that the system chooses, on loopback.
#[derive(Clone)]
pub(crate) struct Settings {
    config: Value,
    foreign_urls: Vec<String>,
    environment: Vec<(&'static str, &'static str)>,
}

/// A running gateway.
pub(crate) struct Gateway {
    /// The URL that clients use, taken apart.
    pub(crate) endpoint: Endpoint,
    /// The process.
    pub(crate) program: Program,
    _folder: TempDir,
}

/// The executable under test.
///
/// # Panics
/// When it has not been built.
pub(crate) fn executable() -> PathBuf {
    let path = match std::env::var_os("MCPG_BIN") {
        Some(path) => PathBuf::from(path),
        None => {
            let test = std::env::current_exe().expect("a running test has a path");
            let profile = test.parent().and_then(Path::parent);
            profile.expect("a test lies in deps/").join("mcpg")
        }
    };
    assert!(
        path.is_file(),
        "the gateway is not there; build it first: cargo build -p mcpg (expected at {})",
        path.display()
    );
    path
}

/// A command that starts the gateway in an environment without settings for it.
pub(crate) fn command() -> Command {
    let mut command = Command::new(executable());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("MCPG_") {
            command.env_remove(name);
        }
    }
    command.env_remove("RUST_BACKTRACE").env_remove("RUST_LOG");
    command
}

impl Settings {
    /// A gateway that offers nothing yet.
    pub(crate) fn new() -> Self {
        Self {
            config: json!({"gateway": {"server": {"bind_address": "127.0.0.1:0"}}}),
            foreign_urls: Vec::new(),
            environment: Vec::new(),
        }
    }

    /// A gateway in front of one upstream, whose names it keeps.
    pub(crate) fn in_front_of(url: &str) -> Self {
        Self::new().federation("one", url)
    }

    /// Adds an upstream.
    pub(crate) fn federation(self, name: &str, url: &str) -> Self {
        self.federation_with(name, url, json!({}))
    }

    /// Adds an upstream whose names get a prefix.
    pub(crate) fn prefixed(self, name: &str, url: &str, prefix: &str) -> Self {
        let naming = json!({"naming": {"tool_prefix": prefix, "prompt_prefix": prefix}});
        self.federation_with(name, url, naming)
    }

    /// Adds an upstream with more keys.
    pub(crate) fn federation_with(mut self, name: &str, url: &str, mut more: Value) -> Self {
        more["name"] = json!(name);
        more["upstream"]["url"] = json!(url);
        self.foreign_urls.push(url.to_owned());
        push(&mut self.config["mcp"]["federations"], more);
        self
    }

    /// Adds an upstream that the gateway runs as its child.
    pub(crate) fn child(mut self, name: &str, upstream: Value, mut more: Value) -> Self {
        more["name"] = json!(name);
        more["upstream"] = upstream;
        push(&mut self.config["mcp"]["federations"], more);
        self
    }

    /// Adds a tool that answers with a fixed text.
    pub(crate) fn mock_tool(self, name: &str, text: &str) -> Self {
        self.mock_tool_with(name, text, json!({}))
    }

    /// Adds a tool that answers with a text, with more keys of the mock backend.
    pub(crate) fn mock_tool_with(mut self, name: &str, text: &str, mut backend: Value) -> Self {
        backend["kind"] = json!("mock");
        backend["content"] = json!(text);
        let tool = json!({
            "name": name,
            "description": format!("answers {text}"),
            "backend": backend,
        });
        push(&mut self.config["mcp"]["capabilities"]["tools"], tool);
        self
    }

    /// Adds a tool as it is written.
    pub(crate) fn tool(mut self, tool: Value) -> Self {
        push(&mut self.config["mcp"]["capabilities"]["tools"], tool);
        self
    }

    /// Sets a key of `gateway.server`.
    pub(crate) fn server(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.config["gateway"]["server"][key] = value.into();
        self
    }

    /// Sets a key of `gateway` beside `server`.
    pub(crate) fn gateway(mut self, key: &str, value: Value) -> Self {
        self.config["gateway"][key] = value;
        self
    }

    /// Sets `mcp.configurations`.
    pub(crate) fn configurations(mut self, value: Value) -> Self {
        self.config["mcp"]["configurations"] = value;
        self
    }

    /// Asks for the listener for operators, on a port that the system chooses.
    pub(crate) fn operators(mut self) -> Self {
        self.config["gateway"]["admin"]["bind_address"] = json!("127.0.0.1:0");
        self
    }

    /// Asks for the numbers at `/metrics`.
    pub(crate) fn metrics(self) -> Self {
        let mut settings = self.operators();
        settings.config["observability"]["metrics"]["enabled"] = json!(true);
        settings
    }

    /// Sets a key of `governance`.
    pub(crate) fn governance(mut self, key: &str, value: Value) -> Self {
        self.config["governance"][key] = value;
        self
    }

    /// Sets any top-level block.
    pub(crate) fn block(mut self, key: &str, value: Value) -> Self {
        self.config[key] = value;
        self
    }

    /// Sets a variable of the process.
    pub(crate) fn variable(mut self, name: &'static str, value: &'static str) -> Self {
        self.environment.push((name, value));
        self
    }

    /// A command that starts the gateway with what is set besides the configuration.
    pub(crate) fn command(&self) -> Command {
        let mut command = command();
        command.envs(self.environment.iter().copied());
        command
    }

    /// Writes the configuration into a folder. JSON is YAML too.
    pub(crate) fn write(&self, folder: &Path) -> PathBuf {
        let path = folder.join("mcpg.yaml");
        let text = serde_json::to_string_pretty(&self.config).unwrap();
        fs::write(&path, text).expect("the temporary folder is writable");
        path
    }

    /// Starts a gateway with this configuration and waits until it serves.
    pub(crate) async fn start(self) -> Gateway {
        let folder = tempfile::tempdir().expect("the temporary folder is writable");
        let mut command = self.command();
        command.arg("--config").arg(self.write(folder.path()));
        Gateway::start(command, folder, &self.foreign_urls).await
    }

    /// Starts a gateway that is expected to refuse this configuration; returns its whole output.
    pub(crate) async fn refused(self) -> String {
        let folder = tempfile::tempdir().expect("the temporary folder is writable");
        let path = self.write(folder.path());
        let mut command = self.command();
        command.arg("--config").arg(path);
        let mut program = Program::start("mcpg", command);
        let status = program.exit(Duration::from_secs(15)).await;
        assert!(!status.success(), "accepted: {}", program.output());
        program.output()
    }
}

impl Gateway {
    /// Starts a gateway from the layers of a configuration and waits until it serves.
    pub(crate) async fn from_files(paths: &[&Path]) -> Self {
        let mut command = command();
        for path in paths {
            command.arg("--config").arg(path);
        }
        Self::from_command(command).await
    }

    /// Starts a gateway with a command and waits until it serves.
    pub(crate) async fn from_command(command: Command) -> Self {
        let folder = tempfile::tempdir().expect("the temporary folder is writable");
        Self::start(command, folder, &[]).await
    }

    /// Where the listener for operators answers, where one was asked for.
    pub(crate) fn operators(&self) -> SocketAddr {
        let output = self.program.output();
        let address = output.lines().find_map(|line| {
            let (_, rest) = line.split_once("operators http://")?;
            rest.strip_suffix("/ready")?.parse().ok()
        });
        address.unwrap_or_else(|| panic!("the gateway names no listener for operators: {output}"))
    }

    async fn start(command: Command, folder: TempDir, foreign_urls: &[String]) -> Self {
        let mut program = Program::start("mcpg", command);
        let endpoint = program
            .line("the URL that it serves", |line| served(line, foreign_urls))
            .await;
        Self {
            endpoint,
            program,
            _folder: folder,
        }
    }
}

/// The URL of the gateway in a line of its output; the URLs of upstreams do not count.
fn served(line: &str, foreign_urls: &[String]) -> Option<Endpoint> {
    line.match_indices("http://127.0.0.1:").find_map(|(at, _)| {
        let url: String = line[at..]
            .chars()
            .take_while(|c| c.is_ascii_alphanumeric() || ":/._-".contains(*c))
            .collect();
        let known = foreign_urls.iter().any(|foreign| foreign == &url);
        let endpoint = Endpoint::parse(&url)?;
        (!known && endpoint.path == "/mcp" && endpoint.address.port() != 0).then_some(endpoint)
    })
}

fn push(list: &mut Value, item: Value) {
    match list.as_array_mut() {
        Some(items) => items.push(item),
        None => *list = json!([item]),
    }
}
