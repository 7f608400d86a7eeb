//! The path of a key, from the top of the configuration.

use std::fmt;

/// One step of a [`Path`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Segment {
    Key(String),
    Index(usize),
}

/// The path of a key, as in `mcp.federations[0].name`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(crate) struct Path(Vec<Segment>);

impl Path {
    pub(crate) fn root() -> Self {
        Self::default()
    }

    /// Reads a path of plain keys with dots between them.
    pub(crate) fn of_keys(keys: &str) -> Self {
        Self(keys.split('.').map(|key| Segment::Key(key.to_owned())).collect())
    }

    pub(crate) fn key(&self, key: impl Into<String>) -> Self {
        self.with(Segment::Key(key.into()))
    }

    pub(crate) fn index(&self, index: usize) -> Self {
        self.with(Segment::Index(index))
    }

    pub(crate) fn with(&self, segment: Segment) -> Self {
        let mut segments = self.0.clone();
        segments.push(segment);
        Self(segments)
    }

    pub(crate) fn parent(&self) -> Self {
        let end = self.0.len().saturating_sub(1);
        Self(self.0[..end].to_vec())
    }

    pub(crate) fn segments(&self) -> &[Segment] {
        &self.0
    }

    pub(crate) fn last(&self) -> Option<&Segment> {
        self.0.last()
    }

    pub(crate) fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// Tells whether one of the keys on the way is `key`.
    pub(crate) fn contains_key(&self, key: &str) -> bool {
        self.0
            .iter()
            .any(|segment| matches!(segment, Segment::Key(found) if found == key))
    }
}

impl fmt::Display for Path {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Index(index) => write!(formatter, "[{index}]")?,
                Segment::Key(key) if is_plain(key) => {
                    let dot = if position == 0 { "" } else { "." };
                    write!(formatter, "{dot}{key}")?;
                }
                Segment::Key(key) => write!(formatter, "[{key:?}]")?,
            }
        }
        Ok(())
    }
}

fn is_plain(key: &str) -> bool {
    let plain = |character: char| character.is_alphanumeric() || "_-$".contains(character);
    !key.is_empty() && key.chars().all(plain)
}

#[cfg(test)]
mod tests {
    use super::Path;

    #[test]
    fn paths_read_as_people_write_them() {
        let path = Path::of_keys("mcp.federations").index(2).key("headers");
        assert_eq!(path.key("X-Key").to_string(), "mcp.federations[2].headers.X-Key");
        assert_eq!(path.key("a.b").to_string(), "mcp.federations[2].headers[\"a.b\"]");
        assert_eq!(Path::root().to_string(), "");
    }

    #[test]
    fn a_path_knows_its_keys_and_its_parent() {
        let path = Path::of_keys("a.b.c");
        assert_eq!(path.parent(), Path::of_keys("a.b"));
        assert!(path.contains_key("b"));
        assert!(!path.contains_key("d"));
        assert!(Path::of_keys("a").parent().is_root());
    }
}
