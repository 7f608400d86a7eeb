//! What can change.

use indexmap::IndexSet;

/// One thing that can change.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Level {
    /// The list of tools.
    Tools,
    /// The list of prompts.
    Prompts,
    /// The lists of resources and of their templates.
    Resources,
    /// The resource with this URI.
    Resource(String),
}

/// Lists and resources that changed, or may have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Raised {
    /// The list of tools.
    pub tools: bool,
    /// The list of prompts.
    pub prompts: bool,
    /// The lists of resources and of their templates.
    pub resources: bool,
    /// Single resources.
    pub uris: IndexSet<String>,
}

/// What somebody wants to be told of.
#[derive(Clone, Copy, Debug)]
pub struct Wants<'a> {
    /// Changes of the list of tools.
    pub tools: bool,
    /// Changes of the list of prompts.
    pub prompts: bool,
    /// Changes of the lists of resources.
    pub resources: bool,
    /// Updates of these resources.
    pub uris: &'a IndexSet<String>,
}

impl Raised {
    /// One resource.
    pub fn resource(uri: impl Into<String>) -> Self {
        Self {
            uris: IndexSet::from([uri.into()]),
            ..Self::default()
        }
    }

    /// All lists.
    pub fn lists() -> Self {
        Self {
            tools: true,
            prompts: true,
            resources: true,
            ..Self::default()
        }
    }

    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        !(self.tools || self.prompts || self.resources) && self.uris.is_empty()
    }

    /// Adds what else changed.
    pub fn add(&mut self, other: Self) {
        self.tools |= other.tools;
        self.prompts |= other.prompts;
        self.resources |= other.resources;
        self.uris.extend(other.uris);
    }
}
