//! The log on standard error.

use std::fmt;
use std::io::IsTerminal as _;

use mcpg_config::app::{LogFormat, Logs};
use mcpg_gateway::CurrentRequest;
use tracing::{Event, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::{DefaultFields, Format, JsonFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Starts writing the log. Without a configured format it is for eyes on a terminal and JSON elsewhere.
pub(crate) fn start(logs: &Logs) {
    let terminal = std::io::stderr().is_terminal();
    let format = logs.format.unwrap_or(if terminal {
        LogFormat::Human
    } else {
        LogFormat::Json
    });
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter(logs.level.as_str()))
        .with_writer(std::io::stderr);
    // A second subscriber in one process is only possible in tests, which then keep the first one.
    let _ = match format {
        LogFormat::Human => builder
            .with_ansi(terminal)
            .fmt_fields(DefaultFields::new())
            .event_format(human(terminal))
            .finish()
            .try_init(),
        LogFormat::Json => builder
            .fmt_fields(JsonFields::new())
            .event_format(json())
            .finish()
            .try_init(),
    };
}

/// What is written: everything of mcpg from the configured level on, and of libraries warnings at the most.
///
/// Libraries write headers and bodies where they tell more, and with them what must not be in a log. So no level of the
/// configuration opens them, and no variable of the environment does.
fn filter(level: &str) -> EnvFilter {
    let library = if level == "error" { "error" } else { "warn" };
    EnvFilter::new(format!(
        "{library},mcpg={level},mcpg_gateway={level},mcpg_capabilities={level},mcpg_config={level},mcpg_plugin={level},mcpg_plugin_host={level},mcpg_single_node={level},mcpg_file_store={level}"
    ))
}

fn human(terminal: bool) -> OfRequest<Format> {
    OfRequest {
        inner: Format::default().with_ansi(terminal).with_target(false),
        add: |line, request| {
            line.push_str(" request=");
            line.push_str(&request.id);
            if let Some(trace) = &request.trace {
                line.push_str(" trace=");
                line.push_str(trace);
            }
        },
    }
}

fn json() -> OfRequest<Format<tracing_subscriber::fmt::format::Json>> {
    OfRequest {
        inner: Format::default().json().flatten_event(true).with_target(false),
        add: |line, request| {
            // The brace goes behind the new members, which have no character that JSON would escape.
            line.pop();
            line.push_str(",\"request\":\"");
            line.push_str(&request.id);
            if let Some(trace) = &request.trace {
                line.push_str("\",\"trace\":\"");
                line.push_str(trace);
            }
            line.push_str("\"}");
        },
    }
}

/// A line that says which request it belongs to, where it belongs to one.
struct OfRequest<F> {
    inner: F,
    /// Adds the request to a line without its end.
    add: fn(&mut String, &CurrentRequest),
}

impl<S, N, F> FormatEvent<S, N> for OfRequest<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let Some(request) = CurrentRequest::get() else {
            return self.inner.format_event(context, writer, event);
        };
        let mut line = String::new();
        self.inner.format_event(context, Writer::new(&mut line), event)?;
        line.truncate(line.trim_end().len());
        (self.add)(&mut line, &request);
        writeln!(writer, "{line}")
    }
}
