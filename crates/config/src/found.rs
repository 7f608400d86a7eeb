//! How a value that was found is shown, without showing credentials.

use crate::app::ApiKey;
use crate::path::Path;
use crate::tree::{Content, Node};

/// Blocks whose values may be credentials.
const SECRET_BLOCKS: [&str; 3] = ["headers", "cluster", "config"];

/// Blocks of a backend whose values may be credentials.
const SECRET_BACKEND_BLOCKS: [&str; 3] = ["query", "body", "env"];

/// Blocks of an upstream whose values may be credentials.
const SECRET_UPSTREAM_BLOCKS: [&str; 2] = ["env", "args"];

/// The longest text that is shown whole.
const LONGEST: usize = 80;

/// Describes a value for a message.
pub(crate) fn describe(path: &Path, node: &Node) -> String {
    let is_in = |blocks: &[&str]| blocks.iter().any(|block| path.contains_key(block));
    let of_backend = path.contains_key("backend") && is_in(&SECRET_BACKEND_BLOCKS);
    let of_upstream = path.contains_key("upstream") && is_in(&SECRET_UPSTREAM_BLOCKS);
    let secret = is_in(&SECRET_BLOCKS) || of_backend || of_upstream;
    let secret = secret && *path != Path::of_keys("cluster.kind") || is_api_key(path, node);
    match &node.content {
        Content::Null => "nothing".to_owned(),
        Content::List(items) => format!("a list of {}", items.len()),
        Content::Map(_) => "a map".to_owned(),
        Content::Bool(_) | Content::Number(_) | Content::Text(_) if secret => {
            "a value that is not shown here".to_owned()
        }
        Content::Bool(flag) => format!("`{flag}` (a boolean)"),
        Content::Number(number) => {
            let shown = node.written.clone().unwrap_or_else(|| number.to_string());
            format!("`{}` (a number)", shorten(&shown))
        }
        // What a variable holds may be a secret; its name is not.
        Content::Text(text) => match &node.written {
            Some(template) => format!("`{}` (filled in from the environment)", shorten(template)),
            None if text.is_empty() => "an empty text".to_owned(),
            None => format!("`{}`", shorten(&without_credentials(text))),
        },
    }
}

/// A digest is no secret, but a key may stand in its place, or in that of its name.
fn is_api_key(path: &Path, node: &Node) -> bool {
    let Content::Text(text) = &node.content else {
        return false;
    };
    path.contains_key("api_keys") && (path.contains_key("sha256") || ApiKey::is_key(text))
}

/// Hides what may be a credential in a URL: user and password, and the query.
pub(crate) fn without_credentials(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else {
        return text.to_owned();
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (user, rest) = match rest[..end].rfind('@') {
        Some(at) => ("***", &rest[at..]),
        None => ("", rest),
    };
    match rest.split_once('?') {
        Some((rest, _)) => format!("{scheme}://{user}{rest}?***"),
        None => format!("{scheme}://{user}{rest}"),
    }
}

fn shorten(text: &str) -> String {
    // Control characters would be invisible, or worse, in a terminal.
    let line: String = text
        .chars()
        .map(|character| match character.is_control() {
            true => character.escape_default().to_string(),
            false => character.to_string(),
        })
        .collect();
    if line.chars().count() <= LONGEST {
        return line;
    }
    let start: String = line.chars().take(LONGEST).collect();
    format!("{start}…")
}

#[cfg(test)]
mod tests {
    use super::without_credentials;

    #[test]
    fn neither_the_password_nor_the_query_of_a_url_is_shown() {
        assert_eq!(without_credentials("https://a:b@host/x"), "https://***@host/x");
        assert_eq!(without_credentials("https://host/x@y"), "https://host/x@y");
        assert_eq!(
            without_credentials("https://a@host?key=b"),
            "https://***@host?***"
        );
        assert_eq!(without_credentials("no url"), "no url");
    }
}
