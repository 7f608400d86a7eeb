//! What is found out about a server.

use mcpg_mcp::version::{Era, ProtocolVersion};
use serde_json::json;

use super::server::{Reply, Server};
use super::*;

fn versions(state: &State) -> (Option<ProtocolVersion>, Option<ProtocolVersion>) {
    (
        state.legacy.as_ref().map(|offer| offer.version),
        state.modern.as_ref().map(|offer| offer.version),
    )
}

#[tokio::test]
async fn a_legacy_server_is_recognised_and_listed() {
    let server = legacy_server(|_| None).await;
    let upstream = upstream(server.address);
    let _running = supervise(&upstream);
    let state = up(&upstream).await;
    assert_eq!(versions(&state), (Some(ProtocolVersion::V2025_11_25), None));
    let offer = state.offer_for(Era::Modern).unwrap();
    assert_eq!(names(&offer.tools), ["work"]);
    assert!(offer.mints_sessions);
    assert!(offer.server_info.as_ref().unwrap().get().contains("scripted"));
    assert_eq!(
        server.count("prompts/list"),
        0,
        "a list was read that the server does not declare"
    );
    let initialize = &server.received("initialize")[0];
    assert_eq!(initialize.body["params"]["capabilities"], json!({}));
    assert_eq!(initialize.body["params"]["clientInfo"]["name"], "mcpg");
    assert_eq!(initialize.header("mcp-session-id"), None);
    let list = &server.received("tools/list")[0];
    assert_eq!(list.session(), Some("session-1"));
    assert_eq!(list.header("mcp-protocol-version"), Some("2025-11-25"));
    assert_eq!(list.header("accept"), Some("application/json, text/event-stream"));
    assert_eq!(list.header("mcp-method"), None);
}

#[tokio::test]
async fn a_modern_server_is_not_asked_for_a_session() {
    let server = modern_server(|_| None).await;
    let upstream = upstream(server.address);
    let _running = supervise(&upstream);
    let state = up(&upstream).await;
    assert_eq!(versions(&state), (None, Some(ProtocolVersion::V2026_07_28)));
    assert_eq!(names(&state.offer_for(Era::Legacy).unwrap().tools), ["work"]);
    assert_eq!(server.count("initialize"), 0);
    let list = &server.received("tools/list")[0];
    assert_eq!(list.header("mcp-method"), Some("tools/list"));
    assert_eq!(list.header("mcp-protocol-version"), Some("2026-07-28"));
    let meta = &list.body["params"]["_meta"];
    assert_eq!(meta["io.modelcontextprotocol/protocolVersion"], "2026-07-28");
    assert_eq!(meta["io.modelcontextprotocol/clientCapabilities"], json!({}));
    assert_eq!(meta["io.modelcontextprotocol/clientInfo"]["name"], "mcpg");
}

#[tokio::test]
async fn a_server_of_both_eras_is_offered_in_both() {
    let legacy = Legacy::default();
    let server = Server::start(move |received| match received.method() {
        "server/discover" => Reply::ok(received.result(discovered(&["2026-07-28", "2025-11-25"]))),
        _ if received.header("mcp-method").is_some() => modern(received),
        _ => legacy.reply(received),
    })
    .await;
    let upstream = upstream(server.address);
    let _running = supervise(&upstream);
    let state = up(&upstream).await;
    assert_eq!(
        versions(&state),
        (
            Some(ProtocolVersion::V2025_11_25),
            Some(ProtocolVersion::V2026_07_28)
        )
    );
    assert_eq!(
        state.offer_for(Era::Modern).unwrap().version,
        ProtocolVersion::V2026_07_28
    );
    assert_eq!(
        state.offer_for(Era::Legacy).unwrap().version,
        ProtocolVersion::V2025_11_25
    );
}

#[tokio::test]
async fn a_server_that_leaves_discovery_unanswered_is_legacy() {
    let server =
        legacy_server(|received| (received.method() == "server/discover").then_some(Reply::Silence)).await;
    let upstream = upstream(server.address);
    let _running = supervise(&upstream);
    assert_eq!(
        versions(up(&upstream).await.as_ref()),
        (Some(ProtocolVersion::V2025_11_25), None)
    );
}

#[tokio::test]
async fn a_server_that_only_hesitates_is_not_taken_for_a_legacy_one() {
    for hesitation in [|| Reply::Silence, || Reply::status(503)] {
        let (legacy, asked) = (Legacy::default(), AtomicUsize::new(0));
        let server = Server::start(move |received| match received.method() {
            "server/discover" if asked.fetch_add(1, Ordering::SeqCst) == 0 => hesitation(),
            "server/discover" => Reply::ok(received.result(discovered(&["2026-07-28", "2025-11-25"]))),
            _ if received.header("mcp-method").is_some() => modern(received),
            _ => legacy.reply(received),
        })
        .await;
        let upstream = upstream(server.address);
        let _running = supervise(&upstream);
        let both = (
            Some(ProtocolVersion::V2025_11_25),
            Some(ProtocolVersion::V2026_07_28),
        );
        assert_eq!(versions(up(&upstream).await.as_ref()), both);
        assert_eq!(server.count("initialize"), 1);
    }
}

#[tokio::test]
async fn an_unsupported_version_error_tells_which_era_to_use() {
    for (supported, expected) in [("2025-06-18", true), ("2030-01-01", false)] {
        let server = legacy_server(move |received| {
            (received.method() == "server/discover").then(|| {
                let error = json!({ "code": -32022, "message": "no", "data": { "supported": [supported] } });
                let body = json!({ "jsonrpc": "2.0", "id": received.id(), "error": error });
                Reply::Json(::http::StatusCode::BAD_REQUEST, body)
            })
        })
        .await;
        let upstream = upstream(server.address);
        let _running = supervise(&upstream);
        let state = state_when(&upstream, |state| !state.status.is_connecting()).await;
        assert_eq!(state.status.is_up(), expected, "{supported}");
        assert_eq!(server.count("initialize"), usize::from(expected));
    }
}

#[tokio::test]
async fn only_a_pinned_revision_is_spoken() {
    let server = legacy_server(|received| {
        (received.method() == "initialize").then(|| {
            let wanted = received.body["params"]["protocolVersion"].as_str().unwrap();
            Reply::ok(received.result(initialized(wanted)))
        })
    })
    .await;
    let pinned = Settings {
        pinned: Some(ProtocolVersion::V2025_03_26),
        ..settings(server.address)
    };
    let upstream = Upstream::new(pinned, Mint::new("boot")).unwrap();
    let _running = supervise(&upstream);
    let state = up(&upstream).await;
    assert_eq!(versions(&state), (Some(ProtocolVersion::V2025_03_26), None));
    assert!(!state.legacy.as_ref().unwrap().mints_sessions);
    assert_eq!(server.count("server/discover"), 0);
    assert_eq!(
        server.received("tools/list")[0].header("mcp-protocol-version"),
        None
    );
}

#[tokio::test]
async fn a_pinned_modern_revision_needs_no_initialize() {
    let server = modern_server(|_| None).await;
    let pinned = Settings {
        pinned: Some(ProtocolVersion::V2026_07_28),
        ..settings(server.address)
    };
    let upstream = Upstream::new(pinned, Mint::new("boot")).unwrap();
    let _running = supervise(&upstream);
    assert_eq!(
        versions(up(&upstream).await.as_ref()),
        (None, Some(ProtocolVersion::V2026_07_28))
    );
    assert_eq!(server.count("initialize"), 0);
}

#[tokio::test]
async fn an_older_revision_than_the_gateway_speaks_is_named_as_the_cause() {
    let server = legacy_server(|received| {
        (received.method() == "initialize").then(|| Reply::ok(received.result(initialized("2024-11-05"))))
    })
    .await;
    let upstream = upstream(server.address);
    let _running = supervise(&upstream);
    let state = state_when(&upstream, |state| state.status.is_down()).await;
    let super::super::Status::Down { cause, .. } = &state.status else {
        unreachable!()
    };
    assert!(cause.contains("2024-11-05"), "{cause}");
}

#[tokio::test]
async fn all_pages_of_a_list_are_read_in_order() {
    let server = legacy_server(|received| {
        (received.method() == "tools/list").then(|| {
            let page: u32 = received.body["params"]["cursor"]
                .as_str()
                .map_or(0, |cursor| cursor.parse().unwrap());
            let mut result = json!({ "tools": [{ "name": format!("t{page}") }] });
            if page < 4 {
                result["nextCursor"] = json!((page + 1).to_string());
            }
            Reply::ok(received.result(result))
        })
    })
    .await;
    let upstream = upstream(server.address);
    let _running = supervise(&upstream);
    let state = up(&upstream).await;
    assert_eq!(
        names(&state.legacy.as_ref().unwrap().tools),
        ["t0", "t1", "t2", "t3", "t4"]
    );
}

#[tokio::test]
async fn a_list_that_never_ends_is_given_up() {
    let server = legacy_server(|received| {
        (received.method() == "tools/list")
            .then(|| Reply::ok(received.result(json!({ "tools": [{ "name": "t" }], "nextCursor": "again" }))))
    })
    .await;
    let upstream = upstream(server.address);
    let _running = supervise(&upstream);
    let state = up(&upstream).await;
    assert_eq!(names(&state.legacy.as_ref().unwrap().tools), Vec::<String>::new());
    assert!(server.count("tools/list") <= 500);
}

#[tokio::test]
async fn only_what_is_imported_is_listed() {
    let server = legacy_server(|received| {
        (received.method() == "initialize").then(|| {
            let mut result = initialized("2025-11-25");
            result["capabilities"] = json!({ "tools": {}, "resources": {}, "prompts": {} });
            Reply::ok(received.result(result))
        })
    })
    .await;
    let import = Import {
        tools: true,
        prompts: false,
        resources: false,
        resource_templates: true,
    };
    let upstream = Upstream::new(
        Settings {
            import,
            ..settings(server.address)
        },
        Mint::new("boot"),
    )
    .unwrap();
    let _running = supervise(&upstream);
    let state = up(&upstream).await;
    assert!(state.offers_resources(Era::Legacy));
    assert_eq!(
        (server.count("prompts/list"), server.count("resources/list")),
        (0, 0)
    );
    // Declared, asked for, and unknown to the server: none.
    assert_eq!(server.count("resources/templates/list"), 1);
    assert_eq!(state.legacy.as_ref().unwrap().resource_templates.len(), 0);
}
