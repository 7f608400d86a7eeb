//! The kit as it runs against servers: in real time, several threads, all cases at once.

use std::collections::HashSet;
use std::sync::Arc;

use mcpg_conformance::{cases, check_all, run_in_real_time};

use crate::conformance::Memory;

#[test]
fn single_node_passes_the_whole_kit_in_real_time() {
    run_in_real_time(async {
        let report = check_all(|| Arc::new(Memory::default())).await;
        let failures: Vec<_> = report.failures().collect();
        assert!(failures.is_empty(), "{failures:#?}");
        let names: HashSet<_> = report.outcomes.iter().map(|(case, _)| case.name).collect();
        assert_eq!(names.len(), cases().len(), "a case is missing or listed twice");
        assert!(names.len() > 100, "only {} cases", names.len());
    });
}
