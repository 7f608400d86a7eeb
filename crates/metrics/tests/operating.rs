//! The page for operators has the table of metrics as the program has it.
#![forbid(unsafe_code)]

use std::path::Path;

const BEGIN: &str = "<!-- generated: metrics -->\n";
const END: &str = "<!-- end of generated: metrics -->";

#[test]
fn the_page_for_operators_has_every_metric() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/operating.md");
    let page = std::fs::read_to_string(&path).expect("the page is there");
    let (before, rest) = page.split_once(BEGIN).expect("the table has a beginning");
    let (_, after) = rest.split_once(END).expect("the table has an end");
    let expected = format!("{before}{BEGIN}\n{}\n{END}{after}", mcpg_metrics::markdown());
    if std::env::var_os("MCPG_REGENERATE").is_some_and(|value| value == "1") {
        std::fs::write(&path, &expected).expect("the page can be written");
        return;
    }
    assert!(
        page == expected,
        "docs/operating.md is stale; run `MCPG_REGENERATE=1 cargo test -p mcpg-metrics` and look at the difference"
    );
}
