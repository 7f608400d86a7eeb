//! `mcpg config init`: a configuration to start from.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::path::Path;

use super::print;
use crate::failure::Failure;

/// What a new configuration looks like: it runs as it is, and every line that begins with `#` and a key may be used.
const STARTER: &str = include_str!("config/starter.yaml");

/// Writes the starter to a file, or to standard output where none is named.
pub(super) fn init(file: Option<&Path>, force: bool) -> Result<(), Failure> {
    let Some(file) = file else {
        return print(STARTER.trim_end());
    };
    write(file, force).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => Failure::usage(
            &format!("{} exists already", file.display()),
            "name another file, or overwrite it with --force",
        ),
        _ => Failure::usage(
            &format!("{} cannot be written: {error}", file.display()),
            "name a file in a folder that exists and is writable",
        ),
    })?;
    let path = file.display();
    print(&format!(
        "wrote {path}\ncheck it: mcpg-config-check {path}\nrun it:   mcpg --config {path}"
    ))
}

/// Without force the file is made in the same step in which its absence is found out.
fn write(file: &Path, force: bool) -> io::Result<()> {
    if force {
        return fs::write(file, STARTER);
    }
    let mut file = OpenOptions::new().write(true).create_new(true).open(file)?;
    file.write_all(STARTER.as_bytes())
}

#[cfg(test)]
mod tests;
