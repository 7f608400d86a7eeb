//! What the crates of the workspace may know of each other, and other rules about the source.
//!
//! A new edge between two crates is a decision: it is made by editing the tables here.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};

/// Package, what it may depend on, what its tests may use besides.
const EDGES: &[(&str, &[&str], &[&str])] = &[
    ("mcpg-cluster", &[], &[]),
    ("mcpg-config", &[], &[]),
    ("mcpg-mcp", &[], &[]),
    ("mcpg-metrics", &[], &[]),
    ("mcpg-single-node", &["mcpg-cluster"], &["mcpg-conformance"]),
    (
        "mcpg-file-store",
        &["mcpg-cluster"],
        &["mcpg-conformance", "mcpg-single-node"],
    ),
    ("mcpg-conformance", &["mcpg-cluster"], &["mcpg-single-node"]),
    (
        "mcpg-cluster-redis",
        &["mcpg-plugin-sdk"],
        &["mcpg-conformance", "mcpg-plugin-host"],
    ),
    (
        "mcpg-capabilities",
        &["mcpg-cluster", "mcpg-metrics"],
        &["mcpg-single-node"],
    ),
    (
        "mcpg-gateway",
        &["mcpg-capabilities", "mcpg-config", "mcpg-mcp", "mcpg-metrics"],
        &["mcpg-cluster", "mcpg-single-node"],
    ),
    (
        "mcpg",
        &[
            "mcpg-capabilities",
            "mcpg-cluster",
            "mcpg-config",
            "mcpg-file-store",
            "mcpg-gateway",
            "mcpg-metrics",
            "mcpg-plugin-entry",
            "mcpg-plugin-host",
            "mcpg-single-node",
        ],
        &["mcpg-conformance"],
    ),
    (
        "mcpg-config-check",
        &["mcpg-config", "mcpg-plugin-entry", "mcpg-plugin-host"],
        &[],
    ),
    ("mcpg-plugin-entry", &["mcpg-config", "mcpg-plugin-host"], &[]),
    ("mcpg-plugin-abi", &[], &[]),
    (
        "mcpg-plugin-sdk",
        &["mcpg-cluster", "mcpg-plugin-abi"],
        &["mcpg-single-node"],
    ),
    (
        "mcpg-plugin-host",
        &["mcpg-cluster", "mcpg-plugin-abi"],
        &["mcpg-conformance", "mcpg-single-node"],
    ),
    (
        "mcpg-fixture-plugin",
        &["mcpg-plugin-sdk", "mcpg-single-node"],
        &[],
    ),
    ("mcpg-tests", &[], &[]),
    ("mcpg-benches", &["mcpg-cluster", "mcpg-plugin-host"], &[]),
];

/// Packages that may not reach the network or speak HTTP, with the crates that would let them.
const WITHOUT_NETWORK: &[&str] = &[
    "mcpg-cluster",
    "mcpg-config",
    "mcpg-single-node",
    "mcpg-file-store",
    "mcpg-capabilities",
    "mcpg-mcp",
    "mcpg-plugin-abi",
    "mcpg-plugin-entry",
    "mcpg-plugin-host",
    // It looks at files only.
    "mcpg-config-check",
];
const NETWORK_CRATES: &[&str] = &["hyper", "hyper-util", "axum", "reqwest", "hyper-rustls"];

/// The only packages that fix memory layout, and so the only ones with `unsafe`.
const MAY_BE_UNSAFE: &[&str] = &["mcpg-plugin-abi", "mcpg-plugin-sdk", "mcpg-plugin-host"];

#[test]
fn a_crate_depends_only_on_what_the_table_allows() {
    let metadata = metadata();
    let members: BTreeSet<&str> = metadata
        .workspace_packages()
        .iter()
        .map(|package| package.name.as_str())
        .collect();
    let mut mistakes = Vec::new();
    for package in metadata.workspace_packages() {
        let Some((_, allowed, in_tests)) = EDGES.iter().find(|(name, ..)| *name == package.name.as_str())
        else {
            mistakes.push(format!("{} is not in the table", package.name));
            continue;
        };
        for dependency in &package.dependencies {
            let name = dependency.name.as_str();
            let test_only = dependency.kind == DependencyKind::Development;
            let fine = allowed.contains(&name) || (test_only && in_tests.contains(&name));
            if members.contains(name) && !fine {
                mistakes.push(format!("{} must not depend on {name}", package.name));
            }
        }
    }
    assert!(mistakes.is_empty(), "{}", mistakes.join("\n"));
}

#[test]
fn the_table_names_no_package_that_is_gone() {
    let metadata = metadata();
    for (name, ..) in EDGES {
        assert!(
            metadata
                .workspace_packages()
                .iter()
                .any(|package| package.name.as_str() == *name),
            "{name} is in the table but not in the workspace"
        );
    }
}

#[test]
fn crates_without_a_network_stay_without_it() {
    let metadata = metadata();
    for package in metadata.workspace_packages() {
        if !WITHOUT_NETWORK.contains(&package.name.as_str()) {
            continue;
        }
        for dependency in normal_dependencies(package) {
            assert!(
                !NETWORK_CRATES.contains(&dependency.name.as_str()),
                "{} must not depend on {}",
                package.name,
                dependency.name
            );
            let socket = dependency.name == "tokio"
                && dependency
                    .features
                    .iter()
                    .any(|feature| feature == "net" || feature == "full");
            assert!(!socket, "{} must not use tokio's sockets", package.name);
        }
    }
}

#[test]
fn the_contract_takes_little_of_tokio() {
    let metadata = metadata();
    let packages = metadata.workspace_packages();
    let contract = packages
        .iter()
        .find(|package| package.name.as_str() == "mcpg-cluster")
        .expect("the contract is a member");
    let tokio = normal_dependencies(contract)
        .find(|dependency| dependency.name == "tokio")
        .expect("the contract uses tokio");
    for feature in &tokio.features {
        assert!(
            ["rt", "time", "sync"].contains(&feature.as_str()),
            "mcpg-cluster must not use tokio's {feature}"
        );
    }
}

#[test]
fn unsafe_code_is_forbidden_where_no_memory_layout_is_fixed() {
    let mut roots = 0;
    for package in metadata().workspace_packages() {
        if MAY_BE_UNSAFE.contains(&package.name.as_str()) {
            continue;
        }
        for target in &package.targets {
            let text = fs::read_to_string(&target.src_path).expect("a target has a source");
            assert!(
                text.lines().any(|line| line == "#![forbid(unsafe_code)]"),
                "{} does not forbid unsafe code",
                target.src_path
            );
            roots += 1;
        }
    }
    assert!(roots >= EDGES.len(), "only {roots} targets were looked at");
}

#[test]
fn the_sides_of_the_gateway_do_not_import_each_other() {
    let source = root().join("crates/gateway/src");
    let sides = ["http", "stdio", "upstream", "backends"];
    for side in sides {
        let files = rust_files(&source.join(side));
        assert!(!files.is_empty(), "{side}/ holds no source");
        for file in files {
            let text = fs::read_to_string(&file).expect("a listed file can be read");
            for other in sides.iter().filter(|other| **other != side) {
                assert!(!imports(&text, other), "{} imports from {other}/", file.display());
            }
        }
    }
}

#[test]
fn the_search_for_imports_finds_every_form() {
    for text in [
        "use crate::upstream::Pool;",
        "use crate::{mint, upstream::Pool};",
        "use crate::{\n    upstream,\n};",
        "fn f() { crate::upstream::run() }",
    ] {
        assert!(imports(text, "upstream"), "not found in {text:?}");
    }
    for text in [
        "use crate::router::upstream_name;",
        "// crate::upstream is the other side",
        "use crate::{router::{a, upstream}, mint};",
        "use hyper::upstream;",
    ] {
        assert!(!imports(text, "upstream"), "found in {text:?}");
    }
}

#[test]
fn no_committed_file_names_a_path_of_this_machine() {
    let root = root().display().to_string();
    let home = std::env::var("HOME").unwrap_or_default();
    let home_folders = ["home", "Users"].map(|folder| format!("/{folder}/"));
    let mut local = vec![format!("{root}/")];
    // The home of the system's administrator has the same path everywhere.
    if home.len() > 1 && home != "/root" {
        local.push(format!("{home}/"));
    }
    local.extend(home_folders);
    for file in committed_files() {
        let Ok(text) = fs::read_to_string(&file) else {
            continue;
        };
        for path in &local {
            assert!(
                !names_path(&text, path),
                "{} names the local path {path}",
                file.display()
            );
        }
    }
}

fn metadata() -> Metadata {
    MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .no_deps()
        .exec()
        .expect("cargo describes the workspace")
}

fn normal_dependencies(package: &Package) -> impl Iterator<Item = &cargo_metadata::Dependency> {
    package
        .dependencies
        .iter()
        .filter(|dependency| dependency.kind == DependencyKind::Normal)
}

/// The folder of the workspace.
pub(crate) fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("tests/ lies in it").to_path_buf()
}

/// Every file that is committed, or would be by the next commit.
fn committed_files() -> Vec<PathBuf> {
    let output = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .expect("git is there");
    assert!(output.status.success(), "git does not list the files");
    let names = String::from_utf8(output.stdout).expect("file names are UTF-8");
    let files: Vec<PathBuf> = names
        .split_terminator('\0')
        .map(|name| root().join(name))
        .collect();
    assert!(!files.is_empty(), "git lists no file");
    files
}

pub(crate) fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let entries =
        fs::read_dir(folder).unwrap_or_else(|error| panic!("{} cannot be listed: {error}", folder.display()));
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.expect("an entry can be read").path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

/// Whether the code names the module `crate::MODULE`, directly or in a list.
fn imports(text: &str, module: &str) -> bool {
    let code: String = text
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .collect::<Vec<_>>()
        .join(" ");
    code.split("crate::").skip(1).any(|rest| {
        let heads = match rest.strip_prefix('{') {
            Some(list) => first_segments(list),
            None => vec![segment(rest)],
        };
        heads.contains(&module)
    })
}

/// The first path segments of the items in a list, up to its closing brace.
fn first_segments(list: &str) -> Vec<&str> {
    let mut depth = 0_usize;
    let mut start = Some(0);
    let mut heads = Vec::new();
    for (at, character) in list.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => start = Some(at + 1),
            _ => {}
        }
        if let Some(from) = start.filter(|from| *from <= at && !character.is_whitespace()) {
            let head = segment(list[from..].trim_start());
            if !head.is_empty() {
                heads.push(head);
                start = None;
            }
        }
    }
    heads
}

fn segment(path: &str) -> &str {
    let end = path.find(|c: char| !c.is_alphanumeric() && c != '_');
    &path[..end.unwrap_or(path.len())]
}

/// Whether the text names the path, not only a longer path that ends in it.
fn names_path(text: &str, path: &str) -> bool {
    text.match_indices(path).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || "_-.})~*".contains(c))
    })
}
