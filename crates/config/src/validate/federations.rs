//! The rules of `mcp.federations`.

use super::Checker;
use super::upstream::upstream;
use crate::app::{Federation, Import, NameFilter, Naming, Retry};
use crate::path::Path;
use crate::raw::federation::{RawFederation, RawFilter, RawRetry};
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use std::time::Duration;

pub(super) fn validate(raw: Vec<RawFederation>, checker: &mut Checker<'_>) -> Vec<Federation> {
    let list = Path::of_keys("mcp.federations");
    let names = raw
        .iter()
        .enumerate()
        .map(|(index, raw)| (list.index(index).key("name"), raw.name.as_str()));
    checker.unique("federation name", names);
    raw.into_iter()
        .enumerate()
        .filter_map(|(index, raw)| federation(raw, &list.index(index), checker))
        .collect()
}

fn federation(raw: RawFederation, path: &Path, checker: &mut Checker<'_>) -> Option<Federation> {
    let upstream = upstream(raw.upstream, &path.key("upstream"), checker);
    let filter = filter(&raw.filter, &path.key("filter"), checker);
    let retry = retry(&raw.retry, &path.key("retry"), checker);
    Some(Federation {
        name: raw.name,
        upstream: upstream?,
        import: Import {
            tools: raw.import.tools,
            prompts: raw.import.prompts,
            resources: raw.import.resources,
            resource_templates: raw.import.resource_templates,
        },
        naming: Naming {
            tool_prefix: raw.naming.tool_prefix,
            prompt_prefix: raw.naming.prompt_prefix,
        },
        filter,
        session_mode: raw.session.mode,
        session_idle_timeout: Duration::from_millis(raw.session.idle_timeout_ms),
        retry,
    })
}

fn filter(raw: &RawFilter, path: &Path, checker: &mut Checker<'_>) -> NameFilter {
    NameFilter {
        include: raw
            .include
            .as_ref()
            .map(|globs| glob_set(globs, &path.key("include"), checker)),
        exclude: glob_set(&raw.exclude, &path.key("exclude"), checker),
    }
}

fn glob_set(globs: &[String], path: &Path, checker: &mut Checker<'_>) -> GlobSet {
    let mut builder = GlobSetBuilder::new();
    for (index, glob) in globs.iter().enumerate() {
        match GlobBuilder::new(glob).build() {
            Ok(glob) => {
                builder.add(glob);
            }
            Err(error) => {
                let message = format!("not a glob: {}", error.kind());
                checker.invalid(
                    &path.index(index),
                    message,
                    "a name in which `*`, `?`, `[...]` and `{a,b}` stand for other characters",
                );
            }
        }
    }
    builder.build().unwrap_or_else(|error| {
        checker.invalid(
            path,
            format!("the globs cannot be used together: {}", error.kind()),
            "fewer or shorter globs",
        );
        GlobSet::empty()
    })
}

fn retry(raw: &RawRetry, path: &Path, checker: &mut Checker<'_>) -> Retry {
    if raw.max_ms < raw.initial_ms {
        let message = format!(
            "`max_ms` ({}) is less than `initial_ms` ({})",
            raw.max_ms, raw.initial_ms
        );
        checker.conflict(
            &path.key("max_ms"),
            message,
            format!("at least {}", raw.initial_ms),
            "make `max_ms` at least `initial_ms`",
        );
    }
    Retry {
        initial: Duration::from_millis(raw.initial_ms),
        max: Duration::from_millis(raw.max_ms),
    }
}
