//! Notes the version of the compiler, for the manifest of every plugin.
#![forbid(unsafe_code)]

use std::process::Command;

fn main() {
    println!("cargo::rerun-if-env-changed=RUSTC");
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(rustc).arg("--version").output();
    let version = version.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    let plain = |character: &char| !matches!(character, '"' | '\\') && !character.is_control();
    let version: String = version.unwrap_or_default().chars().filter(plain).collect();
    println!("cargo::rustc-env=MCPG_RUSTC_VERSION={version}");
}
