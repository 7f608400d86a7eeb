//! Three replicas on a redis server, all of them gone with their owner.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use http::Uri;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::failure::{Failure, While as _};
use crate::process::{START_TIME, ServerProcess};

/// How long a replica's lease outlives it.
pub(super) const LEASE_TTL: Duration = Duration::from_secs(3);

/// A redis server that keeps everything in memory.
#[derive(Debug)]
pub(super) struct Redis {
    address: SocketAddr,
    child: Child,
    _folder: TempDir,
}

/// What a replica is started from.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) mcpg: PathBuf,
    pub(super) plugin: PathBuf,
    pub(super) upstream: Uri,
}

/// A running fleet.
#[derive(Debug)]
pub(super) struct Fleet {
    plan: Plan,
    redis: Redis,
    replicas: Vec<ServerProcess>,
    folder: TempDir,
    started: usize,
}

impl Redis {
    /// Starts the program on a free port and waits until it listens.
    async fn start(program: &Path) -> Result<Self, Failure> {
        let attempt = || format!("starting {}", program.display());
        let address = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr());
        let address = address.attempting(attempt)?;
        let folder = tempfile::tempdir().attempting(attempt)?;
        let child = Command::new(program)
            .args(["--port", &address.port().to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no", "--dir"])
            .arg(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .attempting(attempt)?;
        let redis = Self {
            address,
            child,
            _folder: folder,
        };
        let end = Instant::now() + START_TIME;
        while TcpStream::connect(address).await.is_err() {
            if Instant::now() > end {
                return Err(Failure::new(format!("{} does not listen", program.display())));
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(redis)
    }

    /// The `cluster` block without `kind`.
    pub(super) fn block(&self, node: &str, prefix: &str) -> Value {
        let ttl = LEASE_TTL.as_millis();
        json!({
            "url": format!("redis://{}", self.address),
            "key_prefix": prefix,
            "node_id": node,
            "lease_ttl_ms": ttl,
            "peer_ttl_ms": ttl,
        })
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        // One that cannot be killed or waited for has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Fleet {
    pub(super) async fn start(redis: &Path, plan: Plan) -> Result<Self, Failure> {
        let mut fleet = Self {
            plan,
            redis: Redis::start(redis).await?,
            replicas: Vec::new(),
            folder: tempfile::tempdir().attempting(|| "making a folder for configurations".to_owned())?,
            started: 0,
        };
        for _ in 0..3 {
            let replica = fleet.launch().await?;
            fleet.replicas.push(replica);
        }
        Ok(fleet)
    }

    pub(super) fn redis(&self) -> &Redis {
        &self.redis
    }

    pub(super) fn url(&self, replica: usize) -> &Uri {
        self.replicas[replica].url()
    }

    /// Kills a replica (SIGKILL), then starts another one in its place under another name.
    pub(super) async fn replace(&mut self, replica: usize) -> Result<(), Failure> {
        let next = self.launch().await?;
        self.replicas[replica] = next;
        Ok(())
    }

    /// Kills a replica, whose place is to be taken by [`replace`](Self::replace).
    pub(super) fn kill(&mut self, replica: usize) {
        self.replicas[replica].kill();
    }

    async fn launch(&mut self) -> Result<ServerProcess, Failure> {
        self.started += 1;
        let node = format!("node-{}", self.started);
        let path = self.folder.path().join(format!("{node}.yaml"));
        let text = self.configuration(&node).to_string();
        std::fs::write(&path, text).attempting(|| format!("writing {}", path.display()))?;
        let mut command = Command::new(&self.plan.mcpg);
        // A variable of the caller's own gateway must not change what is measured.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("MCPG_") {
                command.env_remove(name);
            }
        }
        command.arg("--config").arg(&path);
        ServerProcess::start("mcpg", command, "/mcp").await
    }

    /// JSON is YAML too.
    fn configuration(&self, node: &str) -> Value {
        let mut cluster = self.redis.block(node, "latency:");
        cluster["kind"] = json!("redis");
        json!({
            "gateway": {"server": {"bind_address": "127.0.0.1:0", "upgrade_after_ms": 0}},
            "cluster": cluster,
            "plugins": [{"id": "dev.mcpg.cluster.redis", "source": {"path": self.plan.plugin}}],
            "observability": {"logs": {"level": "error"}},
            "mcp": {"federations": [{"name": "speak", "upstream": {"url": self.plan.upstream.to_string()}}]},
        })
    }
}
