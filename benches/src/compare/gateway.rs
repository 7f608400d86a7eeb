//! The gateway under test, with the smallest configuration that reaches the upstream.

use std::path::Path;
use std::process::Command;

use http::Uri;
use tempfile::TempDir;

use crate::failure::{Failure, While as _};
use crate::process::ServerProcess;

/// A running gateway and the folder its configuration lies in.
#[derive(Debug)]
pub(crate) struct Gateway {
    process: ServerProcess,
    _configuration: TempDir,
}

impl Gateway {
    pub(crate) async fn start(program: &Path, upstream: &Uri) -> Result<Self, Failure> {
        let folder =
            tempfile::tempdir().attempting(|| "making a folder for mcpg's configuration".to_owned())?;
        let path = folder.path().join("mcpg.yaml");
        std::fs::write(&path, configuration(upstream))
            .attempting(|| format!("writing {}", path.display()))?;
        let mut command = Command::new(program);
        // A variable of the caller's own gateway must not change what is measured.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("MCPG_") {
                command.env_remove(name);
            }
        }
        command.arg("--config").arg(&path);
        let process = ServerProcess::start("mcpg", command, "/mcp").await?;
        Ok(Self {
            process,
            _configuration: folder,
        })
    }

    pub(crate) fn process(&self) -> &ServerProcess {
        &self.process
    }
}

fn configuration(upstream: &Uri) -> String {
    format!(
        "gateway:
  server:
    bind_address: 127.0.0.1:0
observability:
  logs:
    level: warn
mcp:
  federations:
    - name: echo
      upstream:
        url: {upstream}
        protocol_version: auto
"
    )
}
