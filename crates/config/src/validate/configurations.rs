//! The rules of `mcp.configurations`.

use super::Checker;
use crate::app::{Cluster, Configurations, Store};
use crate::path::Path;
use crate::raw::configurations::{RawConfigurations, RawStore};

const KINDS: &str = "`cluster`, `memory` or `file`";

pub(super) fn validate(
    raw: RawConfigurations,
    cluster: &Cluster,
    checker: &mut Checker<'_>,
) -> Option<Configurations> {
    let path = Path::of_keys("mcp.configurations.sessions.store");
    let sessions = store("sessions", raw.sessions.store, &path, cluster, checker)?;
    Some(Configurations { sessions })
}

fn store(
    capability: &str,
    raw: RawStore,
    path: &Path,
    cluster: &Cluster,
    checker: &mut Checker<'_>,
) -> Option<Store> {
    let dir = path.key("dir");
    let store = match (raw.kind.as_str(), raw.dir) {
        ("file", Some(folder)) if !folder.as_os_str().is_empty() => Store::File {
            dir: checker.resolve(&dir, &folder),
        },
        ("file", _) => {
            checker.conflict(
                path,
                "a store of the kind `file` needs a folder",
                "`kind: file` and `dir`",
                format!(
                    "add `dir`: a folder that only this process uses, such as /var/lib/mcpg/{capability}"
                ),
            );
            return None;
        }
        ("cluster", None) => Store::Cluster,
        ("memory", None) => Store::Memory,
        ("cluster" | "memory", Some(_)) => {
            checker.conflict(
                &dir,
                format!("a store of the kind `{}` has no folder", raw.kind),
                "`dir` beside `kind: file` only",
                "remove `dir`, or set `kind: file`",
            );
            return None;
        }
        (kind, _) => {
            refuse_kind(capability, kind, &path.key("kind"), checker);
            return None;
        }
    };
    if store != Store::Cluster && !cluster.is_single_node() {
        warn_of_pin(capability, &store, &path.key("kind"), cluster, checker);
    }
    Some(store)
}

/// Every backend is reached in one way: as the coordinator.
fn refuse_kind(capability: &str, kind: &str, path: &Path, checker: &mut Checker<'_>) {
    let is_word = |word: &str| {
        word.starts_with(|first: char| first.is_ascii_lowercase())
            && word
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
    };
    let remedy = if is_word(kind) && kind != Cluster::SINGLE_NODE {
        format!("to keep {capability} in {kind}, set `cluster.kind: {kind}` and leave the store at `cluster`")
    } else {
        format!("leave it at `cluster` to keep {capability} in the coordinator that `cluster.kind` names")
    };
    checker.conflict(
        path,
        format!("there is no store of this kind for {capability}"),
        KINDS,
        remedy,
    );
}

fn warn_of_pin(capability: &str, store: &Store, path: &Path, cluster: &Cluster, checker: &mut Checker<'_>) {
    let (store, kind) = (store.kind(), &cluster.kind);
    checker.warn(
        path,
        format!(
            "{capability} are pinned to the replica that opened them (`{store}`) though `cluster.kind` is `{kind}`: every other replica answers them with 404"
        ),
        format!("remove `mcp.configurations.{capability}.store`, or let the balancer send each client to one replica only"),
    );
}
