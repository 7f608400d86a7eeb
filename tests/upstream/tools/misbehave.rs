//! Tools that do what a program should not.

use std::io::Write as _;

use crate::call::{Call, ToolResult, internal, text_result};

/// Runs a tool of this file.
pub(super) fn run(call: &Call<'_>, name: &str) -> Option<ToolResult> {
    Some(match name {
        "crash" => crash(call),
        "print" => print(call),
        "print_error" => print_error(call),
        _ => return None,
    })
}

/// Ends the process in mid-call.
#[expect(
    clippy::disallowed_methods,
    reason = "a crash cleans nothing up, and that is what it is for"
)]
fn crash(call: &Call<'_>) -> ToolResult {
    let status = call.required_count("status")?;
    let _ = writeln!(std::io::stderr(), "crashing with {status} as the test asked for");
    std::process::exit(i32::try_from(status).map_err(internal)?)
}

/// Writes a line to standard output that is no message.
fn print(call: &Call<'_>) -> ToolResult {
    let text = call.required_text("text")?;
    writeln!(std::io::stdout(), "{text}").map_err(internal)?;
    std::io::stdout().flush().map_err(internal)?;
    text_result("printed")
}

fn print_error(call: &Call<'_>) -> ToolResult {
    let text = call.required_text("text")?;
    writeln!(std::io::stderr(), "{text}").map_err(internal)?;
    text_result("printed")
}
