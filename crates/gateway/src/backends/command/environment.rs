//! The environment that every program gets.

use std::collections::BTreeMap;
use std::ffi::OsString;

/// Taken over from the gateway. Everything else it was started with may be a secret.
const INHERITED: [&str; 9] = [
    "PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR",
];

/// Where programs are looked for when the gateway itself was started without a path.
const DEFAULT_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// The variables of every program.
pub(super) fn of_every_program() -> BTreeMap<OsString, OsString> {
    let mut variables: BTreeMap<OsString, OsString> = INHERITED
        .iter()
        .filter_map(|name| Some((OsString::from(name), std::env::var_os(name)?)))
        .collect();
    variables
        .entry(OsString::from("PATH"))
        .or_insert_with(|| OsString::from(DEFAULT_PATH));
    variables
}
