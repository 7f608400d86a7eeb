//! The lists the server offers, of which tests may add and remove entries while it runs.

use std::sync::{Mutex, MutexGuard, PoisonError};

use rmcp::{
    ErrorData,
    model::{PaginatedRequestParams, Prompt, Resource, ResourceTemplate, Tool},
};
use serde_json::json;

use crate::failure::Failure;

#[derive(Debug)]
struct Lists {
    tools: Vec<Tool>,
    prompts: Vec<Prompt>,
    resources: Vec<Resource>,
}

/// Tools, prompts and resources of the server.
#[derive(Debug)]
pub(crate) struct Catalogue {
    lists: Mutex<Lists>,
    templates: Vec<ResourceTemplate>,
    page_size: usize,
}

/// One page of a list.
#[derive(Debug)]
pub(crate) struct Page<T> {
    /// Entries of this page.
    pub(crate) items: Vec<T>,
    /// Cursor of the page that follows.
    pub(crate) next_cursor: Option<String>,
}

impl Catalogue {
    /// Reads the lists that come with the program.
    pub(crate) fn load(page_size: usize) -> Result<Self, Failure> {
        Ok(Self {
            lists: Mutex::new(Lists {
                tools: serde_json::from_str(include_str!("fixtures/tools.json"))?,
                prompts: serde_json::from_str(include_str!("fixtures/prompts.json"))?,
                resources: serde_json::from_str(include_str!("fixtures/resources.json"))?,
            }),
            templates: serde_json::from_str(include_str!("fixtures/templates.json"))?,
            page_size,
        })
    }

    /// Returns one page of the tools.
    pub(crate) fn tools(&self, request: Option<&PaginatedRequestParams>) -> Result<Page<Tool>, ErrorData> {
        self.page(&self.lock().tools, request)
    }

    /// Returns one page of the prompts.
    pub(crate) fn prompts(
        &self,
        request: Option<&PaginatedRequestParams>,
    ) -> Result<Page<Prompt>, ErrorData> {
        self.page(&self.lock().prompts, request)
    }

    /// Returns one page of the resources.
    pub(crate) fn resources(
        &self,
        request: Option<&PaginatedRequestParams>,
    ) -> Result<Page<Resource>, ErrorData> {
        self.page(&self.lock().resources, request)
    }

    /// Returns one page of the resource templates.
    pub(crate) fn templates(
        &self,
        request: Option<&PaginatedRequestParams>,
    ) -> Result<Page<ResourceTemplate>, ErrorData> {
        self.page(&self.templates, request)
    }

    /// Returns the tool of that name.
    pub(crate) fn tool(&self, name: &str) -> Option<Tool> {
        self.lock().tools.iter().find(|tool| tool.name == name).cloned()
    }

    /// Tells whether there is a prompt of that name.
    pub(crate) fn has_prompt(&self, name: &str) -> bool {
        self.lock().prompts.iter().any(|prompt| prompt.name == name)
    }

    /// Tells whether there is a resource of that address.
    pub(crate) fn has_resource(&self, uri: &str) -> bool {
        self.lock().resources.iter().any(|resource| resource.uri == uri)
    }

    /// Adds a tool without parameters, or replaces the one of that name.
    pub(crate) fn add_tool(&self, name: &str, description: &str) {
        let schema = json!({ "type": "object", "properties": {} });
        let schema = schema.as_object().cloned().unwrap_or_default();
        let tool = Tool::new(name.to_owned(), description.to_owned(), schema);
        let mut lists = self.lock();
        lists.tools.retain(|tool| tool.name != name);
        lists.tools.push(tool);
    }

    /// Removes a tool and tells whether it was there.
    pub(crate) fn remove_tool(&self, name: &str) -> bool {
        remove(&mut self.lock().tools, |tool| tool.name == name)
    }

    /// Adds a prompt without arguments, or replaces the one of that name.
    pub(crate) fn add_prompt(&self, name: &str, description: &str) {
        let mut lists = self.lock();
        lists.prompts.retain(|prompt| prompt.name != name);
        lists.prompts.push(Prompt::new(name, Some(description), None));
    }

    /// Removes a prompt and tells whether it was there.
    pub(crate) fn remove_prompt(&self, name: &str) -> bool {
        remove(&mut self.lock().prompts, |prompt| prompt.name == name)
    }

    /// Adds a text resource, or replaces the one of that address.
    pub(crate) fn add_resource(&self, uri: &str, name: &str) {
        let resource = Resource::new(uri, name)
            .with_description(name)
            .with_mime_type("text/plain");
        let mut lists = self.lock();
        lists.resources.retain(|resource| resource.uri != uri);
        lists.resources.push(resource);
    }

    /// Removes a resource and tells whether it was there.
    pub(crate) fn remove_resource(&self, uri: &str) -> bool {
        remove(&mut self.lock().resources, |resource| resource.uri == uri)
    }

    fn page<T: Clone>(
        &self,
        items: &[T],
        request: Option<&PaginatedRequestParams>,
    ) -> Result<Page<T>, ErrorData> {
        let start = match request.and_then(|request| request.cursor.as_deref()) {
            None => 0,
            Some(cursor) => parse_cursor(cursor, items.len())?,
        };
        let size = if self.page_size == 0 {
            items.len()
        } else {
            self.page_size
        };
        let end = start.saturating_add(size).min(items.len());
        Ok(Page {
            items: items[start..end].to_vec(),
            next_cursor: (end < items.len()).then(|| format!("from-{end}")),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Lists> {
        self.lists.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn parse_cursor(cursor: &str, length: usize) -> Result<usize, ErrorData> {
    cursor
        .strip_prefix("from-")
        .and_then(|start| start.parse().ok())
        .filter(|start| *start <= length)
        .ok_or_else(|| ErrorData::invalid_params(format!("unknown cursor {cursor:?}"), None))
}

fn remove<T>(items: &mut Vec<T>, matches: impl Fn(&T) -> bool) -> bool {
    let before = items.len();
    items.retain(|item| !matches(item));
    items.len() < before
}
