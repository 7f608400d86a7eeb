//! Where a layer of the configuration comes from.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// One layer of the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A file.
    File(PathBuf),
    /// Standard input; its relative paths are relative to the working directory.
    StandardInput,
    /// A text that is already in memory.
    Text {
        /// The name under which mistakes are reported.
        label: String,
        /// The YAML text.
        text: String,
        /// The folder to which its relative paths belong.
        folder: PathBuf,
    },
}

impl Source {
    /// Reads an argument of a command line: a path, or `-` for standard input.
    pub fn from_argument(argument: impl Into<PathBuf>) -> Self {
        let path = argument.into();
        if path == Path::new("-") {
            Self::StandardInput
        } else {
            Self::File(path)
        }
    }

    /// Reads a list of paths with colons between them, as `MCPG_CONFIG` holds it; empty parts are skipped.
    pub fn from_list(list: &str) -> Vec<Self> {
        list.split(':')
            .filter(|part| !part.is_empty())
            .map(Self::from_argument)
            .collect()
    }

    /// The name under which mistakes in this layer are reported.
    pub fn label(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::StandardInput => "-".to_owned(),
            Self::Text { label, .. } => label.clone(),
        }
    }

    /// The folder to which relative paths in this layer belong.
    pub(crate) fn folder(&self) -> PathBuf {
        match self {
            Self::File(path) => path.parent().map(Path::to_path_buf).unwrap_or_default(),
            Self::StandardInput => PathBuf::new(),
            Self::Text { folder, .. } => folder.clone(),
        }
    }

    pub(crate) fn read(&self) -> io::Result<Vec<u8>> {
        match self {
            Self::File(path) => std::fs::read(path),
            Self::StandardInput => {
                let mut bytes = Vec::new();
                io::stdin().lock().read_to_end(&mut bytes)?;
                Ok(bytes)
            }
            Self::Text { text, .. } => Ok(text.clone().into_bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Source;

    #[test]
    fn a_list_names_layers_in_order_and_a_dash_is_standard_input() {
        let layers = Source::from_list("base.yaml::-:over.yaml");
        let labels: Vec<String> = layers.iter().map(Source::label).collect();
        assert_eq!(labels, ["base.yaml", "-", "over.yaml"]);
        assert_eq!(layers[1], Source::StandardInput);
    }
}
