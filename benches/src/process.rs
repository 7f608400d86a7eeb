//! A server that runs as a child and dies with its handle.

use std::io::Write as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use http::Uri;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::{ChildStderr, ChildStdout};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::timeout;

use crate::failure::{Failure, While as _};

/// How long a server may take until it says where it listens.
pub(crate) const START_TIME: Duration = Duration::from_secs(20);

/// A running server; dropping it kills the process.
#[derive(Debug)]
pub(crate) struct ServerProcess {
    name: &'static str,
    child: Child,
    url: Uri,
}

impl ServerProcess {
    /// Starts `command` and waits for a line that holds a URL with `path`.
    pub(crate) async fn start(name: &'static str, mut command: Command, path: &str) -> Result<Self, Failure> {
        let program = command.get_program().to_owned();
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .attempting(|| format!("starting {name} from {}", program.display()))?;
        // From here on, dropping the handle ends the process, whatever goes wrong.
        let mut server = Self {
            name,
            child,
            url: Uri::default(),
        };
        let mut lines = server.lines()?;
        let url = timeout(START_TIME, announced_url(name, path, &mut lines))
            .await
            .attempting(|| format!("waiting for {name} to say where it listens"))?;
        let Some(url) = url else {
            let status = end(&mut server.child).attempting(|| format!("ending {name}"))?;
            return Err(Failure::new(format!(
                "{name} ended before it listened, with {status}"
            )));
        };
        tokio::spawn(show_lines(name, lines));
        server.url = url;
        Ok(server)
    }

    /// Returns everything the server writes, from both of its outputs.
    fn lines(&mut self) -> Result<UnboundedReceiver<String>, Failure> {
        let (sender, lines) = unbounded_channel();
        if let Some(output) = self.child.stdout.take() {
            let output =
                ChildStdout::from_std(output).attempting(|| format!("reading what {} prints", self.name))?;
            tokio::spawn(pass_lines(output, sender.clone()));
        }
        if let Some(output) = self.child.stderr.take() {
            let output = ChildStderr::from_std(output)
                .attempting(|| format!("reading what {} complains", self.name))?;
            tokio::spawn(pass_lines(output, sender));
        }
        Ok(lines)
    }

    pub(crate) fn url(&self) -> &Uri {
        &self.url
    }

    /// Kills the process (SIGKILL) and waits until it is gone.
    pub(crate) fn kill(&mut self) {
        // One that cannot be killed or waited for has ended already.
        let _ = end(&mut self.child);
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Kills the process and waits, so that not even a zombie outlives the comparison.
fn end(child: &mut Child) -> std::io::Result<ExitStatus> {
    child.kill()?;
    child.wait()
}

/// Returns the URL, or nothing when the server ended without naming one; shows all lines before it.
async fn announced_url(name: &str, path: &str, lines: &mut UnboundedReceiver<String>) -> Option<Uri> {
    while let Some(line) = lines.recv().await {
        if let Some(url) = find_url(&line, path) {
            return Some(url);
        }
        show(name, &line);
    }
    None
}

/// Returns the URL of a loopback server with exactly `path`, wherever it stands in the line.
fn find_url(line: &str, path: &str) -> Option<Uri> {
    const SCHEME_AND_HOST: &str = "http://127.0.0.1:";
    line.match_indices(SCHEME_AND_HOST).find_map(|(start, _)| {
        let rest = &line[start + SCHEME_AND_HOST.len()..];
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let after_path = rest[digits..].strip_prefix(path)?;
        if after_path.starts_with(|next: char| next.is_ascii_alphanumeric() || next == '/') {
            return None;
        }
        let port: u16 = rest[..digits].parse().ok()?;
        format!("{SCHEME_AND_HOST}{port}{path}").parse().ok()
    })
}

async fn pass_lines(output: impl AsyncRead + Unpin, sender: UnboundedSender<String>) {
    let mut lines = BufReader::new(output).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if sender.send(line).is_err() {
            return;
        }
    }
}

/// Reads on, so that the server never waits for a full pipe, and shows what it has to say.
async fn show_lines(name: &'static str, mut lines: UnboundedReceiver<String>) {
    while let Some(line) = lines.recv().await {
        show(name, &line);
    }
}

fn show(name: &str, line: &str) {
    // Without standard error there is nobody left to tell.
    let _ = writeln!(std::io::stderr(), "{name}: {line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(line: &str, path: &str) -> Option<String> {
        find_url(line, path).map(|url| url.to_string())
    }

    #[test]
    fn the_url_is_found_in_plain_and_json_lines() {
        let expected = Some("http://127.0.0.1:4711/mcp".to_owned());
        assert_eq!(found("listening on http://127.0.0.1:4711/mcp", "/mcp"), expected);
        assert_eq!(
            found(r#"{"url":"http://127.0.0.1:4711/mcp","n":1}"#, "/mcp"),
            expected
        );
        assert_eq!(
            found("\u{1b}[32mhttp://127.0.0.1:4711/mcp\u{1b}[0m", "/mcp"),
            expected
        );
    }

    #[test]
    fn another_url_before_it_is_passed_over() {
        let line = "http://127.0.0.1:1/echo is reached, listening on http://127.0.0.1:2/mcp.";
        assert_eq!(found(line, "/mcp").as_deref(), Some("http://127.0.0.1:2/mcp"));
        assert_eq!(found("http://127.0.0.1:1/mcp/more", "/mcp"), None);
        assert_eq!(found("http://127.0.0.1:70000/mcp", "/mcp"), None);
        assert_eq!(found("nothing here", "/mcp"), None);
    }

    #[tokio::test]
    async fn a_server_that_ends_is_an_error_with_its_status() {
        let mut command = Command::new("sh");
        command.args(["-c", "exit 3"]);
        let error = ServerProcess::start("server", command, "/mcp")
            .await
            .expect_err("it never listened");
        assert!(error.to_string().contains("exit status: 3"), "{error}");
    }

    #[tokio::test]
    async fn a_dropped_server_is_gone() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo http://127.0.0.1:1/mcp; exec sleep 600"]);
        let server = ServerProcess::start("server", command, "/mcp")
            .await
            .expect("it says where it listens");
        let stat = format!("/proc/{}/stat", server.id());
        assert!(std::fs::exists(&stat).expect("the process list is readable"));
        drop(server);
        assert!(!std::fs::exists(&stat).expect("the process list is readable"));
    }
}
