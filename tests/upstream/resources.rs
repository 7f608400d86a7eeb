//! The resources; their texts are those the conformance suite expects.

use rmcp::{
    ErrorData,
    model::{ReadResourceResponse, ReadResourceResult},
};
use serde_json::{Value, json};

use crate::{call::internal, state::State, tools::IMAGE};

/// Returns the contents of a resource.
pub(crate) fn read(state: &State, uri: &str) -> Result<ReadResourceResponse, ErrorData> {
    let content = contents(state, uri)
        .ok_or_else(|| ErrorData::resource_not_found("resource not found", Some(json!({ "uri": uri }))))?;
    let result: ReadResourceResult =
        serde_json::from_value(json!({ "resultType": "complete", "contents": [content] }))
            .map_err(internal)?;
    Ok(result.into())
}

fn contents(state: &State, uri: &str) -> Option<Value> {
    if let Some(id) = uri
        .strip_prefix("test://template/")
        .and_then(|rest| rest.strip_suffix("/data"))
    {
        let data = json!({ "id": id, "templateTest": true, "data": format!("Data for ID: {id}") });
        return Some(json!({ "uri": uri, "mimeType": "application/json", "text": data.to_string() }));
    }
    let text = |text: &str| json!({ "uri": uri, "mimeType": "text/plain", "text": text });
    Some(match uri {
        "test://static-text" => text("This is the content of the static text resource."),
        "test://static-binary" => json!({ "uri": uri, "mimeType": "image/png", "blob": IMAGE }),
        "test://watched-resource" => text("This resource may be watched."),
        uri if state.catalogue.has_resource(uri) => text("This resource was added while the server ran."),
        _ => return None,
    })
}
