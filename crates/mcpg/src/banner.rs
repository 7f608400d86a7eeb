//! What the program says when it serves.

use std::io::Write as _;
use std::net::SocketAddr;

use mcpg_gateway::{Gateway, Offered};

/// A request of the modern era needs no session, so one command shows that the gateway works.
const TRY_BODY: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}"#;

/// What the program says of itself besides what the gateway knows.
pub(crate) struct Introduction {
    /// The path of the MCP endpoint.
    pub(crate) path: String,
    /// Whether a client has to show a key.
    pub(crate) needs_key: bool,
    /// The layers of the configuration.
    pub(crate) label: String,
}

/// Says on standard output where the gateway listens, what it offers, and how to try it.
pub(crate) fn print(
    gateway: &Gateway,
    address: SocketAddr,
    introduction: &Introduction,
    admin: Option<SocketAddr>,
) {
    let Introduction {
        path,
        needs_key,
        label,
    } = introduction;
    let url = format!("http://{address}{path}");
    let Offered {
        tools,
        prompts,
        resources,
        resource_templates,
    } = gateway.offered();
    let offered = [
        count(tools, "tool"),
        count(prompts, "prompt"),
        count(resources, "resource"),
        count(resource_templates, "resource template"),
    ];
    let admin = admin.map(|address| format!("  operators http://{address}/ready\n"));
    let text = format!(
        "mcpg {version} serves {label}\n  \
         listens   {url}\n{admin}  \
         offers    {offered}\n  \
         try it    curl -s {url} {key}-H 'content-type: application/json' \
         -H 'accept: application/json, text/event-stream' -H 'mcp-protocol-version: 2026-07-28' \
         -H 'mcp-method: tools/list' -d '{TRY_BODY}'\n",
        version = env!("CARGO_PKG_VERSION"),
        key = if *needs_key {
            "-H 'authorization: Bearer KEY' "
        } else {
            ""
        },
        offered = offered.join(", "),
        admin = admin.unwrap_or_default(),
    );
    // A closed standard output is no reason not to serve.
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
}

fn count(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}
