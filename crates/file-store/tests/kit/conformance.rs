//! Every case of the kit that is about KeyValue; the other primitives come from memory.

use std::collections::HashSet;
use std::sync::Arc;

use async_trait::async_trait;
use mcpg_cluster::{ConnectionStream, Coordinator, KeyValue, Primitives, Result, Support};
use mcpg_conformance::{Backend, Case, cases, check_case, run_in_real_time};
use mcpg_file_store::{FileStore, LARGEST_VALUE_BYTES};
use mcpg_single_node::SingleNode;
use tempfile::TempDir;

/// The groups of the kit that the store has to pass: all of KeyValue and its convenience.
const GROUPS: [&str; 9] = [
    "get", "put", "versions", "expiry", "limits", "races", "delete", "list", "touch",
];

/// A folder whose one process is many replicas.
struct Folder {
    memory: SingleNode,
    store: Arc<FileStore>,
    _folder: TempDir,
}

impl Folder {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self {
            memory: SingleNode::new(),
            store: Arc::new(FileStore::open(folder.path()).unwrap()),
            _folder: folder,
        }
    }
}

#[async_trait]
impl Backend for Folder {
    async fn open(&self) -> Result<Arc<dyn Coordinator>> {
        let memory = self.memory.another_replica();
        let mut primitives = memory.primitives().clone();
        primitives.key_value = Arc::clone(&self.store) as Arc<dyn KeyValue>;
        Ok(Arc::new(Mixed { memory, primitives }))
    }
}

struct Mixed {
    memory: SingleNode,
    primitives: Primitives,
}

#[async_trait]
impl Coordinator for Mixed {
    fn kind(&self) -> &str {
        "mixed"
    }

    fn node(&self) -> &str {
        self.memory.node()
    }

    fn support(&self) -> Support {
        let mut support = self.memory.support();
        support.max_value_bytes = LARGEST_VALUE_BYTES;
        support.min_ttl = mcpg_file_store::MIN_TTL;
        support
    }

    fn primitives(&self) -> &Primitives {
        &self.primitives
    }

    fn connection(&self) -> ConnectionStream {
        self.memory.connection()
    }

    async fn close(&self) -> Result<()> {
        self.memory.close().await
    }
}

#[test]
fn the_store_passes_every_case_of_key_value() {
    let wanted: Vec<&Case> = cases()
        .iter()
        .filter(|case| GROUPS.contains(&case.group))
        .collect();
    let groups: HashSet<&str> = wanted.iter().map(|case| case.group).collect();
    assert_eq!(groups.len(), GROUPS.len(), "a group is gone: {groups:?}");
    assert!(wanted.len() > 40, "only {} cases", wanted.len());
    run_in_real_time(async {
        let folder = Arc::new(Folder::new());
        let mut failures = Vec::new();
        for case in wanted {
            if let Err(failure) = check_case(case, Arc::clone(&folder) as _).await {
                failures.push(format!("{case:?}: {failure}"));
            }
        }
        assert!(failures.is_empty(), "{failures:#?}");
    });
}
