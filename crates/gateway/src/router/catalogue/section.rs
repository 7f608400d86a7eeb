//! The things of one kind in order, with an index and ready pages.

use std::collections::HashMap;

use mcpg_mcp::version::Era;
use serde_json::value::RawValue;

use super::cursor::Cursors;
use super::item::{Item, Kind};

/// How many items one page of a list has at the most.
///
/// Large on purpose: many clients read only the first page.
pub(super) const PAGE_SIZE: usize = 1000;

/// The things of one kind.
#[derive(Debug, Default)]
pub(crate) struct Section {
    items: Vec<Item>,
    /// Positions in `items` of what is listed.
    listed: Vec<usize>,
    index: HashMap<String, usize>,
    first_page: Option<Box<RawValue>>,
}

impl Section {
    /// Makes a section of `items`, whose identities are unique.
    pub(super) fn new(kind: Kind, era: Era, items: Vec<Item>, cursors: &Cursors) -> Self {
        let index = items
            .iter()
            .enumerate()
            .map(|(at, item)| (item.identity.clone(), at))
            .collect();
        let listed = items
            .iter()
            .enumerate()
            .filter(|(_, item)| item.listed)
            .map(|(at, _)| at)
            .collect();
        let mut section = Self {
            items,
            listed,
            index,
            first_page: None,
        };
        section.first_page = Some(section.render(kind, era, 0, cursors));
        section
    }

    /// Finds a thing by what clients call it.
    pub(crate) fn find(&self, identity: &str) -> Option<&Item> {
        self.index.get(identity).map(|at| &self.items[*at])
    }

    /// All things, listed or not, in order.
    pub(crate) fn items(&self) -> &[Item] {
        &self.items
    }

    /// How many things are listed.
    pub(crate) fn listed_count(&self) -> usize {
        self.listed.len()
    }

    /// The list result that starts after `cursor`, or `None` when the cursor is not one of ours.
    pub(crate) fn page(
        &self,
        kind: Kind,
        era: Era,
        cursor: Option<&str>,
        cursors: &Cursors,
    ) -> Option<Box<RawValue>> {
        let Some(cursor) = cursor else {
            let ready = self.first_page.clone();
            return ready.or_else(|| Some(self.render(kind, era, 0, cursors)));
        };
        let after = cursors.open(kind, cursor)?;
        // The catalogue may have changed since: go on after the item itself where it still is, else at its place.
        let start = self
            .index
            .get(&after.identity)
            .and_then(|at| self.listed.binary_search(at).ok())
            .map_or(after.position, |place| place + 1);
        Some(self.render(kind, era, start, cursors))
    }

    fn render(&self, kind: Kind, era: Era, start: usize, cursors: &Cursors) -> Box<RawValue> {
        let start = start.min(self.listed.len());
        let end = (start + PAGE_SIZE).min(self.listed.len());
        let page = &self.listed[start..end];
        let size: usize = page.iter().map(|at| self.items[*at].raw.get().len() + 1).sum();
        let mut json = String::with_capacity(size + 256);
        json.push_str("{\"");
        json.push_str(kind.list_member());
        json.push_str("\":[");
        for (number, at) in page.iter().enumerate() {
            if number > 0 {
                json.push(',');
            }
            json.push_str(self.items[*at].raw.get());
        }
        json.push(']');
        if end < self.listed.len() {
            let last = &self.items[self.listed[end - 1]];
            json.push_str(",\"nextCursor\":\"");
            // A cursor is base64url: nothing in it needs escaping.
            json.push_str(&cursors.seal(kind, end, &last.identity));
            json.push('"');
        }
        if era == Era::Modern {
            // Nothing tells a modern client of a change yet, so it may not keep a list.
            json.push_str(",\"resultType\":\"complete\",\"ttlMs\":0,\"cacheScope\":\"public\"");
        }
        json.push('}');
        RawValue::from_string(json).expect("it is put together from raw JSON and literal members")
    }
}
