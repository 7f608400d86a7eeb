//! Where values come from, so that mistakes can name it.

use crate::source::Source;
use std::path::{Path, PathBuf};

/// A layer or an environment variable.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    pub(crate) label: String,
    folder: PathBuf,
}

impl Origin {
    /// The origins of the layers; the first one also stands for what no layer says.
    pub(crate) fn layers(sources: &[Source]) -> Vec<Self> {
        if sources.is_empty() {
            return vec![Self {
                label: "the defaults".to_owned(),
                folder: PathBuf::new(),
            }];
        }
        sources
            .iter()
            .map(|source| Self {
                label: source.label(),
                folder: source.folder(),
            })
            .collect()
    }

    pub(crate) fn variable(name: &str) -> Self {
        Self {
            label: format!("environment variable {name}"),
            folder: PathBuf::new(),
        }
    }

    /// Places a path that was written in this origin.
    pub(crate) fn resolve(&self, path: &Path) -> PathBuf {
        self.folder.join(path)
    }
}
