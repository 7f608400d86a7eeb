//! One replica of a fleet: a gateway that can be paused, killed, cut off and started again.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use http::{Method, StatusCode};
use serde_json::json;
use tempfile::TempDir;

use super::deadline::{PATIENCE, poll, until_true};
use super::fault_proxy::FaultProxy;
use super::gateway::Settings;
use super::http::Call;
use super::mcp::Endpoint;
use super::ports::free_address;
use super::processes::Program;

/// A gateway of a fleet. It stops with its owner.
pub(crate) struct Replica {
    /// Where its clients connect; stays the same when it is started again.
    pub(crate) endpoint: Endpoint,
    /// Where it tells whether it is ready.
    pub(crate) admin: SocketAddr,
    /// The process.
    pub(crate) program: Program,
    network: Option<FaultProxy>,
    settings: Settings,
    config: PathBuf,
    _folder: TempDir,
}

/// How often a replica is started on other ports when somebody else was faster.
const ATTEMPTS: usize = 5;

/// What became of a process that was started.
enum Started {
    Ready,
    Ended,
}

impl Replica {
    /// Starts a replica and waits until it is ready.
    pub(super) async fn start(name: &str, settings: Settings, network: Option<FaultProxy>) -> Self {
        let mut network = network;
        for _ in 0..ATTEMPTS {
            let mut replica = Self::launch(name, settings.clone(), network.take());
            match replica.outcome().await {
                Some(Started::Ready) => return replica,
                // Another run of tests at the same time has chosen the same port.
                Some(Started::Ended) if replica.program.output().contains("bind_address") => {
                    network = replica.network.take();
                }
                _ => panic!("replica {name} is not ready: {}", replica.program.output()),
            }
        }
        panic!("replica {name} found no port of its own");
    }

    /// Starts a replica without waiting for anything.
    pub(super) fn launch(name: &str, settings: Settings, network: Option<FaultProxy>) -> Self {
        let (address, admin) = (free_address(), free_address());
        let settings = settings
            .server("bind_address", address.to_string())
            .gateway("admin", json!({"bind_address": admin.to_string()}));
        let folder = tempfile::tempdir().expect("the temporary folder is writable");
        let config = settings.write(folder.path());
        Self {
            endpoint: Endpoint {
                address,
                path: "/mcp".to_owned(),
                key: None,
            },
            admin,
            program: run(name, &settings, &config),
            network,
            settings,
            config,
            _folder: folder,
        }
    }

    /// What stands between this replica and the coordinator.
    ///
    /// # Panics
    /// When the fleet was started without it.
    pub(crate) fn network(&self) -> &FaultProxy {
        let network = self.network.as_ref();
        network.expect("the fleet was started with a breakable network")
    }

    /// What it says about its readiness; `None` while nobody answers.
    pub(crate) async fn readiness(&self) -> Option<StatusCode> {
        let answer = Call::new(Method::GET, self.admin, "/ready").try_send().await;
        answer.ok().map(|answer| answer.status)
    }

    /// Kills the process (SIGKILL) and waits until it is gone.
    pub(crate) fn kill(&mut self) {
        self.program.kill();
    }

    /// Starts the process again after its end and waits until it is ready.
    ///
    /// While the name of the dead process is still taken, it is refused, and tried again.
    pub(crate) async fn restart(&mut self) {
        until_true("the replica is ready again", async || {
            self.program = run("restarted", &self.settings, &self.config);
            matches!(self.outcome().await, Some(Started::Ready))
        })
        .await;
    }

    /// Waits until the replica is ready or its process has ended.
    async fn outcome(&mut self) -> Option<Started> {
        poll(PATIENCE, async || {
            if self.program.ended().is_some() {
                return Some(Started::Ended);
            }
            (self.readiness().await == Some(StatusCode::OK)).then_some(Started::Ready)
        })
        .await
    }
}

fn run(name: &str, settings: &Settings, config: &Path) -> Program {
    let mut command = settings.command();
    command.arg("--config").arg(config);
    Program::start(&format!("mcpg {name}"), command)
}
