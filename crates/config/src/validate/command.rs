//! The rules of `backend.kind: command`.

use super::Checker;
use super::templates::{self, Scope, template};
use crate::app::{Command, Part, Template};
use crate::path::Path;
use crate::raw::command::RawCommand;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// Programs that execute the text behind `-c`.
const SHELLS: [&str; 8] = ["sh", "ash", "bash", "dash", "fish", "ksh", "mksh", "zsh"];

const MEBIBYTE: u64 = 1024 * 1024;

pub(super) fn validate(
    raw: RawCommand,
    scope: &Scope,
    path: &Path,
    checker: &mut Checker<'_>,
) -> Option<Command> {
    let program = program(&raw.program, &path.key("program"), checker);
    let args = args(&raw.args, scope, &path.key("args"), checker);
    check_dashes(&raw.program, &args, &path.key("args"), checker);
    let env = env(&raw.env, scope, &path.key("env"), checker);
    let cwd = raw.cwd.map(|cwd| folder(&cwd, &path.key("cwd"), checker));
    let stdin = raw
        .stdin
        .map(|text| template(&text, scope, &path.key("stdin"), checker));
    Some(Command {
        program: program?,
        args,
        env,
        cwd: cwd.map_or(Some(None), |cwd| cwd.map(Some))?,
        timeout: Duration::from_millis(raw.timeout_ms),
        stdin: stdin.map_or(Some(None), |stdin| stdin.map(Some))?,
        max_output_bytes: usize::try_from(u64::from(raw.max_output_mb) * MEBIBYTE).unwrap_or(usize::MAX),
    })
}

fn program(text: &str, path: &Path, checker: &mut Checker<'_>) -> Option<PathBuf> {
    if !templates::is_fixed(text, "the program", path, checker) || !is_passable(text, path, checker) {
        return None;
    }
    // Without a slash it is a name that is looked up.
    Some(match text.contains('/') {
        true => absolute(checker.resolve(path, text.as_ref())),
        false => PathBuf::from(text),
    })
}

fn folder(folder: &std::path::Path, path: &Path, checker: &mut Checker<'_>) -> Option<PathBuf> {
    let text = folder.to_string_lossy();
    let is_fixed = templates::is_fixed(&text, "the folder", path, checker);
    (is_fixed && is_passable(&text, path, checker)).then(|| absolute(checker.resolve(path, folder)))
}

/// A relative path would be looked up in the folder that the program runs in.
fn absolute(path: PathBuf) -> PathBuf {
    std::path::absolute(&path).unwrap_or(path)
}

fn args(raw: &[String], scope: &Scope, path: &Path, checker: &mut Checker<'_>) -> Vec<Template> {
    let mut args = Vec::with_capacity(raw.len());
    for (index, text) in raw.iter().enumerate() {
        let path = path.index(index);
        if is_passable(text, &path, checker) {
            args.extend(template(text, scope, &path, checker));
        }
    }
    args
}

fn env(
    raw: &BTreeMap<String, String>,
    scope: &Scope,
    path: &Path,
    checker: &mut Checker<'_>,
) -> BTreeMap<String, Template> {
    let mut env = BTreeMap::new();
    for (name, value) in raw {
        let path = path.key(name);
        if name.is_empty() || name.contains('=') {
            checker.invalid(
                &path,
                format!("`{name}` is not the name of a variable"),
                "a name without `=`",
            );
        } else if templates::is_fixed(name, "the name of a variable", &path, checker)
            && is_passable(name, &path, checker)
            && is_passable(value, &path, checker)
            && let Some(value) = template(value, scope, &path, checker)
        {
            env.insert(name.clone(), value);
        }
    }
    env
}

/// The system ends every text at a NUL.
fn is_passable(text: &str, path: &Path, checker: &mut Checker<'_>) -> bool {
    let passable = !text.contains('\0');
    if !passable {
        checker.invalid(path, "a NUL cannot be passed to a program", "a text without NUL");
    }
    passable
}

/// An argument stays one argument, but it can still be read as an option or, by a shell, as a program.
fn check_dashes(program: &str, args: &[Template], path: &Path, checker: &mut Checker<'_>) {
    let name = program.rsplit('/').next().unwrap_or(program);
    let is_shell = SHELLS.contains(&name);
    let mut before = None;
    for (index, arg) in args.iter().enumerate() {
        let is_script = is_shell && before.is_some_and(is_script_option);
        if is_script {
            if arg.arguments().next().is_some() {
                checker.conflict(
                    &path.index(index),
                    "the shell would execute what the caller sends",
                    "a script without `${arguments...}`",
                    "pass the argument beside the script, as in `[-c, 'echo \"$1\"', sh, '${arguments.x}']`",
                );
            }
            // What follows the script is read by the script alone.
            return;
        }
        if arg.as_literal() == Some("--") {
            return;
        }
        let is_value_of_option = before.is_some_and(|before| before.starts_with('-'));
        if matches!(arg.parts().first(), Some(Part::Argument(_))) && !is_value_of_option {
            checker.warn(
                &path.index(index),
                "what a caller sends can begin with a dash, and the program may read it as an option",
                "put `--` before it, or write it as `--name=${arguments.x}`",
            );
        }
        before = arg.as_literal();
    }
}

/// Tells whether an option of a shell says that a script follows: `-c`, alone or among other letters.
fn is_script_option(option: &str) -> bool {
    let letters = option.strip_prefix('-').unwrap_or_default();
    !letters.starts_with('-') && letters.contains('c')
}
