//! The rules of `governance.audit`.

use super::Checker;
use crate::app::{Audit, AuditSink, OnFailure, RedactPath};
use crate::path::Path;
use crate::raw::audit::{RawAudit, RawSink};

/// `None` where nothing is to be written.
pub(super) fn validate(raw: RawAudit, checker: &mut Checker<'_>) -> Option<Audit> {
    let block = Path::of_keys("governance.audit");
    if raw.on_failure == OnFailure::FailClosed && !raw.required {
        checker.conflict(
            &block.key("on_failure"),
            "calls are refused for the sake of lines that are not required",
            "`fail_open`, or `fail_closed` together with `required: true`",
            "set `required: true` beside it",
        );
    }
    if raw.enabled && raw.sinks.is_empty() {
        checker.conflict(
            &block.key("enabled"),
            "the lines have nowhere to go: `sinks` is empty",
            "at least one sink",
            "add `sinks: [{kind: file, path: audit.jsonl}]` or `sinks: [{kind: stderr}]`",
        );
    }
    if !raw.redact.is_empty() && !raw.include_arguments {
        checker.warn(
            &block.key("redact"),
            "there is nothing to redact: arguments are not written",
            "set `include_arguments: true`, or remove `redact`",
        );
    }
    let sinks = sinks(raw.sinks, &block.key("sinks"), checker);
    let redact = redact(&raw.redact, &block.key("redact"), checker);
    raw.enabled.then_some(Audit {
        required: raw.required,
        on_failure: raw.on_failure,
        sinks,
        include_arguments: raw.include_arguments,
        redact,
    })
}

fn sinks(raw: Vec<RawSink>, list: &Path, checker: &mut Checker<'_>) -> Vec<AuditSink> {
    let mut sinks = Vec::new();
    for (index, sink) in raw.into_iter().enumerate() {
        let entry = list.index(index);
        let (place, sink) = match sink {
            RawSink::Stderr => (entry.key("kind"), AuditSink::Stderr),
            RawSink::File(file) => {
                let path = entry.key("path");
                if file.path.as_os_str().is_empty() {
                    checker.invalid(&path, "no file", "the path of a file");
                }
                let resolved = checker.resolve(&path, &file.path);
                (path, AuditSink::File(resolved))
            }
        };
        if sinks.contains(&sink) {
            checker.conflict(
                &place,
                "every line would go there twice",
                "every sink once",
                "remove one of the two",
            );
        }
        sinks.push(sink);
    }
    sinks
}

fn redact(raw: &[String], list: &Path, checker: &mut Checker<'_>) -> Vec<RedactPath> {
    let mut paths = Vec::new();
    for (index, text) in raw.iter().enumerate() {
        match RedactPath::parse(text) {
            Ok(path) => paths.push(path),
            Err(reason) => checker.invalid(
                &list.index(index),
                format!("not a path of an argument: {reason}"),
                "names and `*` with dots between them, as in `password` or `user.*.token`",
            ),
        }
    }
    paths
}
