//! Merges what the gateway and its upstreams offer.

use std::collections::HashMap;

use mcpg_config::app::Federation;
use mcpg_mcp::object::Object;
use mcpg_mcp::param_headers::HeaderParams;
use mcpg_mcp::version::Era;
use serde_json::value::RawValue;

use super::cursor::Cursors;
use super::item::{Item, Kind, Origin};
use super::section::Section;
use super::{Catalogue, Listings};
use crate::backends::OwnBindings;
use crate::upstream::{Offer, State};

/// One upstream with its configuration and what it offers at the moment.
pub(crate) struct Member<'a> {
    pub(crate) federation: &'a Federation,
    pub(crate) state: &'a State,
}

/// Two things with the same identity; the first one is offered.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Collision {
    pub(crate) kind: &'static str,
    pub(crate) unique: bool,
    pub(crate) identity: String,
    pub(crate) first: String,
    pub(crate) second: String,
}

/// Merges everything, for both eras.
pub(crate) fn build(
    own: &OwnBindings,
    members: &[Member<'_>],
    cursors: &Cursors,
) -> (Catalogue, Vec<Collision>) {
    let mut collisions = Vec::new();
    let legacy = listings(Era::Legacy, own, members, cursors, &mut collisions);
    let mut modern_collisions = Vec::new();
    let modern = listings(Era::Modern, own, members, cursors, &mut modern_collisions);
    for collision in modern_collisions {
        if !collisions.contains(&collision) {
            collisions.push(collision);
        }
    }
    (Catalogue { legacy, modern }, collisions)
}

fn listings(
    era: Era,
    own: &OwnBindings,
    members: &[Member<'_>],
    cursors: &Cursors,
    collisions: &mut Vec<Collision>,
) -> Listings {
    let sections = Kind::ALL.map(|kind| {
        let mut items = Vec::new();
        let mut places: HashMap<String, usize> = HashMap::new();
        let candidates = own_items(kind, own).chain(
            members
                .iter()
                .enumerate()
                .flat_map(|(at, member)| upstream_items(kind, era, at, member)),
        );
        for item in candidates {
            if let Some(first) = places.get(&item.identity) {
                collisions.push(collision(kind, &items[*first], &item, members));
            } else {
                places.insert(item.identity.clone(), items.len());
                items.push(item);
            }
        }
        Section::new(kind, era, items, cursors)
    });
    Listings { sections }
}

fn own_items(kind: Kind, own: &OwnBindings) -> impl Iterator<Item = Item> {
    own.listed(kind).iter().enumerate().map(|(at, listed)| Item {
        identity: listed.identity.clone(),
        original: listed.identity.clone(),
        origin: Origin::Own(at),
        listed: true,
        raw: listed.raw.clone(),
        header_params: None,
    })
}

fn upstream_items<'a>(
    kind: Kind,
    era: Era,
    at: usize,
    member: &'a Member<'a>,
) -> impl Iterator<Item = Item> + 'a {
    let listed = member.state.status.is_up();
    let offer = member.state.offer_for(era);
    let modern = offer.is_some_and(|offer| offer.version.is_modern());
    let offered: &[Box<RawValue>] = offer.map_or(&[], |offer| of_kind(offer, kind));
    offered.iter().filter_map(move |raw| {
        let mut object = Object::parse(raw).ok()?;
        let original = object.get_str(kind.identity())?.into_owned();
        if !member.federation.filter.allows(&original) {
            return None;
        }
        let prefix = match kind {
            Kind::Tools => member.federation.naming.tool_prefix.as_str(),
            Kind::Prompts => member.federation.naming.prompt_prefix.as_str(),
            Kind::Resources | Kind::ResourceTemplates => "",
        };
        let header_params = match kind {
            Kind::Tools => match object.get("inputSchema").map(HeaderParams::from_input_schema) {
                // Revision 2026-07-28 has clients leave out a tool whose header annotations are invalid.
                Some(Err(_)) if modern => return None,
                other => other.and_then(Result::ok),
            },
            _ => None,
        };
        let (identity, raw) = if prefix.is_empty() {
            (original.clone(), raw.clone())
        } else {
            let identity = format!("{prefix}{original}");
            object.set_str(kind.identity(), &identity);
            (identity, object.to_raw())
        };
        Some(Item {
            identity,
            original,
            origin: Origin::Upstream(at),
            listed,
            raw,
            header_params,
        })
    })
}

fn of_kind(offer: &Offer, kind: Kind) -> &[Box<RawValue>] {
    match kind {
        Kind::Tools => &offer.tools,
        Kind::Prompts => &offer.prompts,
        Kind::Resources => &offer.resources,
        Kind::ResourceTemplates => &offer.resource_templates,
    }
}

fn collision(kind: Kind, first: &Item, second: &Item, members: &[Member<'_>]) -> Collision {
    Collision {
        kind: kind.list_member(),
        unique: kind.must_be_unique(),
        identity: second.identity.clone(),
        first: owner(first.origin, members),
        second: owner(second.origin, members),
    }
}

fn owner(origin: Origin, members: &[Member<'_>]) -> String {
    match origin {
        Origin::Own(_) => "mcp.capabilities".to_owned(),
        Origin::Upstream(at) => members[at].federation.name.clone(),
    }
}
