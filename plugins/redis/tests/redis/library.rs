//! The kit once more, through the library as the gateway loads it.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use mcpg_conformance::{Backend, conformance_tests};
use mcpg_plugin_host::{Deadlines, Plugin};
use mcpg_plugin_sdk::cluster::{Coordinator, Result};
use serde_json::json;

use crate::server::{Server, shared};

/// The library that cargo built together with these tests.
pub(crate) fn library() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.with_file_name("libmcpg_cluster_redis.so")
}

struct Deployment {
    server: Arc<Server>,
    prefix: String,
}

impl Deployment {
    fn fresh() -> Self {
        Self {
            server: shared(),
            prefix: Server::fresh_prefix(),
        }
    }
}

#[async_trait]
impl Backend for Deployment {
    async fn open(&self) -> Result<Arc<dyn Coordinator>> {
        let plugin = Plugin::load(&library(), Deadlines::default()).unwrap();
        let opened = plugin.open(&self.server.settings(&self.prefix)).await;
        Ok(opened.unwrap())
    }
}

conformance_tests!(Deployment::fresh());

#[tokio::test]
async fn three_mistakes_are_told_at_once_and_without_a_connection() {
    let plugin = Plugin::load(&library(), Deadlines::default()).unwrap();
    assert_eq!(plugin.manifest().id, "dev.mcpg.cluster.redis");
    let block =
        json!({"url": "redis://:secret-word@h", "lease_ttl_ms": 0, "pool_size": 3, "peer_ttl_ms": "x"});
    let mistakes = plugin.validate(&block).await.unwrap();
    let paths: Vec<&str> = mistakes.iter().map(|mistake| mistake.path.as_str()).collect();
    assert_eq!(paths, ["/lease_ttl_ms", "/peer_ttl_ms", "/pool_size"]);
    assert!(!format!("{mistakes:?}").contains("secret-word"));
    let block = json!({"url": "http://h", "pool_size": 3, "peer_ttl_ms": 5, "peer_refresh_interval_ms": 5, "tls": {"client_cert": "c"}});
    let mistakes = plugin.validate(&block).await.unwrap();
    let paths: Vec<&str> = mistakes.iter().map(|mistake| mistake.path.as_str()).collect();
    assert_eq!(paths, ["/pool_size", "/url", "/peer_refresh_interval_ms", "/tls"]);
    assert!(
        mistakes[0].message.contains("`lease_ttl_ms`"),
        "{}",
        mistakes[0].message
    );
}
