//! Tools whose result is always the same; the texts are those the conformance suite expects.

use rmcp::model::CallToolResult;
use serde_json::{Value, json};

use crate::call::{ToolResult, internal};

/// A red PNG image of one pixel.
pub(crate) const IMAGE: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC";
/// A WAV clip without a sample.
const AUDIO: &str = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQAAAAA=";

/// Runs a tool of this file.
pub(super) fn run(name: &str) -> Option<ToolResult> {
    let result = match name {
        "test_simple_text" => result(&[text("This is a simple text response for testing.")]),
        "test_image_content" => result(&[image()]),
        "test_audio_content" => result(&[json!({ "type": "audio", "data": AUDIO, "mimeType": "audio/wav" })]),
        "test_embedded_resource" => result(&[resource(
            "test://embedded-resource",
            "text/plain",
            "This is an embedded resource content.",
        )]),
        "test_multiple_content_types" => result(&[
            text("Multiple content types test:"),
            image(),
            resource(
                "test://mixed-content-resource",
                "application/json",
                r#"{"test":"data","value":123}"#,
            ),
        ]),
        "test_error_handling" => {
            let content = [text("This tool intentionally returns an error for testing")];
            json!({ "resultType": "complete", "content": content, "isError": true })
        }
        _ => return None,
    };
    Some(
        serde_json::from_value::<CallToolResult>(result)
            .map(Into::into)
            .map_err(internal),
    )
}

fn result(content: &[Value]) -> Value {
    json!({ "resultType": "complete", "content": content })
}

fn text(text: &str) -> Value {
    json!({ "type": "text", "text": text })
}

fn image() -> Value {
    json!({ "type": "image", "data": IMAGE, "mimeType": "image/png" })
}

fn resource(uri: &str, mime_type: &str, text: &str) -> Value {
    json!({ "type": "resource", "resource": { "uri": uri, "mimeType": mime_type, "text": text } })
}
