//! The plugin's log events on their way to the host.

use std::fmt::{Debug, Write};
use std::sync::Once;

use mcpg_plugin_abi::{AbiHost, HostObject, RStr, level};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

static CONNECTED: Once = Once::new();

/// Sends the library's events, and the texts of its panics, to the host that opened it first.
pub(crate) fn connect(host: AbiHost) {
    CONNECTED.call_once(|| {
        let forward = Forward {
            max_level: host.max_level,
            services: host.services,
        };
        if tracing::subscriber::set_global_default(forward).is_ok() {
            std::panic::set_hook(Box::new(|panic| {
                let place = panic.location().map(ToString::to_string);
                let place = place.unwrap_or_default();
                tracing::error!(message = "The plugin panicked.", %place);
            }));
        }
    });
}

struct Forward {
    max_level: u8,
    services: HostObject,
}

impl Subscriber for Forward {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && number(metadata.level()) <= self.max_level
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(match self.max_level {
            0 => LevelFilter::OFF,
            level::ERROR => LevelFilter::ERROR,
            level::WARN => LevelFilter::WARN,
            level::INFO => LevelFilter::INFO,
            level::DEBUG => LevelFilter::DEBUG,
            _ => LevelFilter::TRACE,
        })
    }

    // Spans do not cross: they are never enabled, so these are not called.
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut text = Text::default();
        event.record(&mut text);
        let metadata = event.metadata();
        self.services.log(
            number(metadata.level()),
            RStr::from_str(metadata.target()),
            RStr::from_str(&text.message),
            RStr::from_str(&text.fields),
        );
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

fn number(level: &Level) -> u8 {
    match *level {
        Level::ERROR => level::ERROR,
        Level::WARN => level::WARN,
        Level::INFO => level::INFO,
        Level::DEBUG => level::DEBUG,
        Level::TRACE => level::TRACE,
    }
}

/// An event's sentence, and its fields as `name=value` separated by spaces.
#[derive(Default)]
struct Text {
    message: String,
    fields: String,
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        // Writing to a string does not fail.
        let _ = if field.name() == "message" {
            write!(self.message, "{value:?}")
        } else {
            let space = if self.fields.is_empty() { "" } else { " " };
            write!(self.fields, "{space}{}={value:?}", field.name())
        };
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            self.message.push_str(value);
        } else {
            self.record_debug(field, &value);
        }
    }
}
