#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use mcpg_capabilities::mac::MacKey;
use mcpg_config::app::{Capabilities, Federation};
use mcpg_config::{Environment, Source};
use mcpg_mcp::version::{Era, ProtocolVersion};
use serde_json::Value;
use serde_json::value::RawValue;

use super::section::PAGE_SIZE;
use super::*;
use crate::backends::OwnBindings;
use crate::upstream::{Offer, State, Status};

fn raw(json: &str) -> Box<RawValue> {
    RawValue::from_string(json.to_owned()).unwrap()
}

fn cursors() -> Cursors {
    Cursors::new(MacKey::new([7; 16]))
}

fn federations(yaml: &str) -> Vec<Federation> {
    let text = format!("mcp:\n  federations:\n{yaml}");
    let source = Source::Text {
        label: "test".to_owned(),
        text,
        folder: ".".into(),
    };
    mcpg_config::load(&[source], &Environment::empty())
        .unwrap()
        .config
        .mcp
        .federations
}

fn two_upstreams(first: &str, second: &str) -> Vec<Federation> {
    federations(&format!(
        "    - {{ name: a, upstream: {{ url: 'http://127.0.0.1:1/mcp' }}{first} }}\n    - {{ name: b, upstream: {{ url: 'http://127.0.0.1:2/mcp' }}{second} }}\n"
    ))
}

fn offers(status: Status, tools: &[&str], uris: &[&str]) -> State {
    let offer = Offer {
        version: ProtocolVersion::V2025_11_25,
        capabilities: raw(r#"{"tools":{},"resources":{}}"#),
        server_info: None,
        instructions: None,
        tools: tools
            .iter()
            .map(|name| {
                raw(&format!(
                    r#"{{ "name":"{name}", "inputSchema":{{"type":"object"}}, "x": 1.50 }}"#
                ))
            })
            .collect(),
        prompts: Vec::new(),
        resources: uris
            .iter()
            .map(|uri| raw(&format!(r#"{{"uri":"{uri}","name":"n"}}"#)))
            .collect(),
        resource_templates: Vec::new(),
        mints_sessions: true,
    };
    State {
        status,
        legacy: Some(Arc::new(offer)),
        modern: None,
    }
}

fn merge(federations: &[Federation], states: &[State]) -> (Catalogue, Vec<Collision>) {
    let members: Vec<Member<'_>> = federations
        .iter()
        .zip(states)
        .map(|(federation, state)| Member { federation, state })
        .collect();
    let own = OwnBindings::new(Capabilities::default()).unwrap();
    build(&own, &members, &cursors())
}

fn tools(catalogue: &Catalogue) -> Vec<String> {
    names(
        &catalogue
            .of(Era::Legacy)
            .section(Kind::Tools)
            .page(Kind::Tools, Era::Legacy, None, &cursors())
            .unwrap(),
    )
}

fn names(page: &RawValue) -> Vec<String> {
    let page: Value = serde_json::from_str(page.get()).unwrap();
    page["tools"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tool| tool["name"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn upstreams_are_merged_in_file_order_with_their_prefixes_and_filters() {
    let federations = two_upstreams(
        ", naming: { tool_prefix: a_ }",
        ", filter: { include: ['k*'], exclude: ['kx'] }",
    );
    let states = [
        offers(Status::Up, &["z", "m"], &[]),
        offers(Status::Up, &["kz", "kx", "other", "ka"], &[]),
    ];
    let (catalogue, collisions) = merge(&federations, &states);
    assert_eq!(tools(&catalogue), ["a_z", "a_m", "kz", "ka"]);
    assert_eq!(collisions, []);
    let section = catalogue.of(Era::Legacy).section(Kind::Tools);
    let renamed = section.find("a_z").unwrap();
    assert_eq!(
        (renamed.original.as_str(), renamed.origin),
        ("z", Origin::Upstream(0))
    );
    assert!(section.find("z").is_none());
}

#[test]
fn what_is_not_renamed_is_listed_byte_for_byte() {
    let federations = two_upstreams("", "");
    let (catalogue, _) = merge(
        &federations,
        &[offers(Status::Up, &["t"], &[]), offers(Status::Up, &[], &[])],
    );
    let item = catalogue.of(Era::Modern).section(Kind::Tools).find("t").unwrap();
    assert_eq!(
        item.raw.get(),
        r#"{ "name":"t", "inputSchema":{"type":"object"}, "x": 1.50 }"#
    );
}

#[test]
fn equal_names_collide_and_of_equal_uris_the_first_is_offered() {
    let federations = two_upstreams("", "");
    let states = [
        offers(Status::Up, &["same"], &["x:1"]),
        offers(Status::Up, &["same"], &["x:1", "x:2"]),
    ];
    let (catalogue, collisions) = merge(&federations, &states);
    let found: Vec<_> = collisions
        .iter()
        .map(|c| (c.kind, c.unique, c.first.as_str(), c.second.as_str()))
        .collect();
    assert_eq!(found, [("tools", true, "a", "b"), ("resources", false, "a", "b")]);
    let resources = catalogue.of(Era::Legacy).section(Kind::Resources);
    assert_eq!(resources.find("x:1").unwrap().origin, Origin::Upstream(0));
    assert_eq!(resources.find("x:2").unwrap().origin, Origin::Upstream(1));
}

#[test]
fn what_a_dead_upstream_offered_is_routed_but_not_listed() {
    let federations = two_upstreams("", "");
    let down = Status::Down {
        cause: "gone".to_owned(),
        since: tokio::time::Instant::now(),
    };
    let (catalogue, _) = merge(
        &federations,
        &[offers(down, &["dead"], &[]), offers(Status::Up, &["alive"], &[])],
    );
    assert_eq!(tools(&catalogue), ["alive"]);
    assert!(
        catalogue
            .of(Era::Legacy)
            .section(Kind::Tools)
            .find("dead")
            .is_some()
    );
}

fn many(count: usize) -> Section {
    let items = (0..count)
        .map(|number| Item {
            identity: format!("t{number}"),
            original: format!("t{number}"),
            origin: Origin::Own(number),
            listed: number % 7 != 3,
            raw: raw(&format!(r#"{{"name":"t{number}"}}"#)),
            header_params: None,
        })
        .collect();
    Section::new(Kind::Tools, Era::Legacy, items, &cursors())
}

fn read_all(section: &Section, mut between: impl FnMut()) -> Vec<String> {
    let (mut all, mut cursor): (Vec<String>, Option<String>) = (Vec::new(), None);
    loop {
        let page = section
            .page(Kind::Tools, Era::Legacy, cursor.as_deref(), &cursors())
            .unwrap();
        all.extend(names(&page));
        let page: Value = serde_json::from_str(page.get()).unwrap();
        match page.get("nextCursor") {
            Some(next) => cursor = Some(next.as_str().unwrap().to_owned()),
            None => return all,
        }
        between();
    }
}

#[test]
fn pages_give_every_listed_item_once_and_in_order() {
    let section = many(3 * PAGE_SIZE);
    let mut pages = 1;
    let all = read_all(&section, || pages += 1);
    let expected: Vec<String> = (0..3 * PAGE_SIZE)
        .filter(|n| n % 7 != 3)
        .map(|n| format!("t{n}"))
        .collect();
    assert_eq!(all, expected);
    assert_eq!(pages, 3);
    assert_eq!(section.listed_count(), expected.len());
}

#[test]
fn a_list_goes_on_after_its_last_item_when_the_catalogue_has_changed() {
    let before = many(2 * PAGE_SIZE);
    let page = before.page(Kind::Tools, Era::Legacy, None, &cursors()).unwrap();
    let last = names(&page).pop().unwrap();
    let cursor: Value = serde_json::from_str(page.get()).unwrap();
    let cursor = cursor["nextCursor"].as_str().unwrap().to_owned();
    // The same list, but with a new first item.
    let mut items: Vec<Item> = before.items().iter().map(copy).collect();
    items.insert(
        0,
        Item {
            identity: "new".to_owned(),
            ..copy(&items[0])
        },
    );
    let after = Section::new(Kind::Tools, Era::Legacy, items, &cursors());
    let next = names(
        &after
            .page(Kind::Tools, Era::Legacy, Some(&cursor), &cursors())
            .unwrap(),
    );
    let number: usize = last[1..].parse().unwrap();
    let following = (number + 1..).find(|n| n % 7 != 3).unwrap();
    assert_eq!(next[0], format!("t{following}"));
}

fn copy(item: &Item) -> Item {
    Item {
        identity: item.identity.clone(),
        original: item.original.clone(),
        origin: item.origin,
        listed: item.listed,
        raw: item.raw.clone(),
        header_params: None,
    }
}

#[test]
fn a_cursor_that_is_not_ours_is_refused() {
    let section = many(2 * PAGE_SIZE);
    let page = section.page(Kind::Tools, Era::Legacy, None, &cursors()).unwrap();
    let page: Value = serde_json::from_str(page.get()).unwrap();
    let ours = page["nextCursor"].as_str().unwrap().to_owned();
    let foreign = Cursors::new(MacKey::new([8; 16]));
    assert!(
        section
            .page(Kind::Tools, Era::Legacy, Some(&ours), &foreign)
            .is_none(),
        "another deployment's"
    );
    assert!(
        section
            .page(Kind::Prompts, Era::Legacy, Some(&ours), &cursors())
            .is_none(),
        "another list's"
    );
    for text in ["", "x", "AAAA", &ours[..ours.len() - 2], &format!("{ours}AA")] {
        assert!(
            section
                .page(Kind::Tools, Era::Legacy, Some(text), &cursors())
                .is_none(),
            "{text}"
        );
    }
}
