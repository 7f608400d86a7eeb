//! The rules of `plugins`, and of `cluster.kind`, which chooses one of them.

use super::Checker;
use crate::app::{Cluster, PluginEntry};
use crate::path::Path;
use crate::raw::plugins::RawPlugin;

pub(super) fn validate(
    raw: Vec<RawPlugin>,
    cluster: &Cluster,
    checker: &mut Checker<'_>,
) -> Vec<PluginEntry> {
    let list = Path::of_keys("plugins");
    let ids = raw
        .iter()
        .enumerate()
        .map(|(index, raw)| (list.index(index).key("id"), raw.id.as_str()));
    checker.unique("plugin id", ids);
    let kind = Path::of_keys("cluster.kind");
    let wanted = cluster.plugin_id();
    // Which entry is the chosen one cannot be said then.
    let ids = (0..raw.len()).map(|index| list.index(index).key("id"));
    let unknown = ids
        .chain([kind])
        .any(|path| checker.mistakes.is_unknown(&checker.tree.original_path(&path)));
    for (index, raw) in raw.iter().enumerate() {
        let path = list.index(index);
        if wanted.as_ref() == Some(&raw.id) {
            check_chosen(raw, &path, cluster, checker);
        } else if !raw.disabled && !unknown {
            warn_unused(raw, &path, cluster, checker);
        }
    }
    if let Some(id) = wanted.filter(|id| !unknown && !raw.iter().any(|raw| raw.id == *id)) {
        refuse_without_entry(&id, cluster, checker);
    }
    raw.into_iter()
        .enumerate()
        .map(|(index, raw)| entry(raw, &list.index(index), checker))
        .collect()
}

fn entry(raw: RawPlugin, path: &Path, checker: &mut Checker<'_>) -> PluginEntry {
    let file = path.key("source").key("path");
    if raw.source.path.as_os_str().is_empty() {
        checker.invalid(&file, "no file", "the path of a library");
    }
    PluginEntry {
        id: raw.id,
        path: checker.resolve(&file, &raw.source.path),
        sha256: raw.source.sha256.map(|digits| digits.to_ascii_lowercase()),
        disabled: raw.disabled,
    }
}

fn check_chosen(raw: &RawPlugin, path: &Path, cluster: &Cluster, checker: &mut Checker<'_>) {
    if raw.disabled {
        checker.conflict(
            &path.key("disabled"),
            format!("`cluster.kind: {}` needs this plugin", cluster.kind),
            "`false`",
            "remove `disabled`, or choose another `cluster.kind`",
        );
    }
    if raw.config.is_some() {
        checker.warn(
            &path.key("config"),
            "not used: the coordinator gets the keys of the `cluster` block instead",
            "move its keys to `cluster` and remove `config`",
        );
    }
}

fn warn_unused(raw: &RawPlugin, path: &Path, cluster: &Cluster, checker: &mut Checker<'_>) {
    let message = format!("not loaded: `cluster.kind` is `{}`", cluster.kind);
    let remedy = match raw.id.strip_prefix(Cluster::PLUGIN_PREFIX) {
        Some(kind) => {
            format!("set `cluster.kind: {kind}` to use it, or `disabled: true` to be silent about it")
        }
        None => "remove the entry, or set `disabled: true`".to_owned(),
    };
    checker.warn(&path.key("id"), message, remedy);
}

fn refuse_without_entry(id: &str, cluster: &Cluster, checker: &mut Checker<'_>) {
    let kind = &cluster.kind;
    let path = Path::of_keys("cluster.kind");
    let file = checker.origin_label(&path);
    checker.conflict(
        &path,
        format!("kind `{kind}` needs the plugin `{id}`, and no entry of `plugins` has that id"),
        "`single_node`, or a kind whose plugin has an entry in `plugins`",
        format!("add to {file}: `plugins: [{{id: {id}, source: {{path: libmcpg_cluster_{kind}.so}}}}]` with the path of the library"),
    );
}
