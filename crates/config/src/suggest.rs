//! What was probably meant by a word that is not known.

use crate::path::{Path, Segment};
use serde_json::Value;

/// Shorter beginnings than this say too little about what was meant.
const TELLING: usize = 3;

/// Finds the known word that a misspelt one is closest to, if one is close.
pub(crate) fn closest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    let plain = |text: &str| text.to_lowercase().replace(['-', '_'], "");
    let word = plain(word);
    let limit = (word.chars().count() / 3).max(1);
    let misspelt = known
        .iter()
        .map(|candidate| (strsim::damerau_levenshtein(&word, &plain(candidate)), *candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate);
    misspelt.or_else(|| {
        let shortened = |candidate: &&&str| {
            let candidate = plain(candidate);
            let shorter = word.len().min(candidate.len());
            shorter >= TELLING && (word.starts_with(&candidate) || candidate.starts_with(&word))
        };
        let mut candidates = known.iter().filter(shortened);
        candidates.next().filter(|_| candidates.next().is_none()).copied()
    })
}

/// Finds the one block in which a key does exist, for a key that stands too high or too deep in the same branch.
pub(crate) fn block_of(key: &str, wrong_block: &Path, schema: &Value) -> Option<String> {
    let mut blocks = Vec::new();
    collect(key, schema, "", &mut blocks);
    blocks.sort();
    blocks.dedup();
    let [only] = blocks.as_slice() else {
        return None;
    };
    let wrong_block = without_numbers(wrong_block);
    let is_near = only.starts_with(&wrong_block) || wrong_block.starts_with(only.as_str());
    (is_near && !only.is_empty()).then(|| only.clone())
}

/// The path of a block as [`collect`] writes it.
fn without_numbers(path: &Path) -> String {
    let mut text = String::new();
    for segment in path.segments() {
        match segment {
            Segment::Index(_) => text.push_str("[]"),
            Segment::Key(key) => {
                text.push_str(if text.is_empty() { "" } else { "." });
                text.push_str(key);
            }
        }
    }
    text
}

fn collect(key: &str, schema: &Value, path: &str, blocks: &mut Vec<String>) {
    if let Some(Value::Object(properties)) = schema.get("properties") {
        for (name, inner) in properties {
            if name == key {
                blocks.push(path.to_owned());
            }
            let dot = if path.is_empty() { "" } else { "." };
            collect(key, inner, &format!("{path}{dot}{name}"), blocks);
        }
    }
    if let Some(items) = schema.get("items") {
        collect(key, items, &format!("{path}[]"), blocks);
    }
    for branch in schema
        .get("allOf")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        if let Some(then) = branch.get("then") {
            collect(key, then, path, blocks);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{block_of, closest};
    use crate::path::Path;

    #[test]
    fn a_slip_of_the_finger_finds_its_key_and_another_word_does_not() {
        let known = ["bind_address", "mcp_path", "max_sessions"];
        assert_eq!(closest("bind_adress", &known), Some("bind_address"));
        assert_eq!(closest("bindAddress", &known), Some("bind_address"));
        assert_eq!(closest("max-sessions", &known), Some("max_sessions"));
        assert_eq!(closest("tls", &known), None);
        assert_eq!(closest("transport", &known), None);
    }

    #[test]
    fn a_beginning_finds_its_word_when_only_one_begins_so() {
        assert_eq!(closest("warning", &["error", "warn", "info"]), Some("warn"));
        assert_eq!(
            closest("bind", &["bind_address", "mcp_path"]),
            Some("bind_address")
        );
        assert_eq!(closest("max", &["max_sessions", "max_response_mb"]), None);
    }

    #[test]
    fn a_key_in_the_wrong_block_is_sent_to_its_own() {
        let schema = crate::schema();
        let block_of = |key, block: &Path| block_of(key, block, &schema);
        let federation = Path::of_keys("mcp.federations").index(3);
        assert_eq!(
            block_of("mcp_path", &Path::of_keys("gateway")).as_deref(),
            Some("gateway.server")
        );
        assert_eq!(
            block_of("tool_prefix", &federation).as_deref(),
            Some("mcp.federations[].naming")
        );
        assert_eq!(
            block_of("naming", &federation.key("upstream")).as_deref(),
            Some("mcp.federations[]")
        );
        assert_eq!(block_of("description", &Path::root()), None);
        assert_eq!(block_of("nothing", &Path::root()), None);
        assert_eq!(block_of("tls", &Path::of_keys("gateway.server")), None);
    }
}
