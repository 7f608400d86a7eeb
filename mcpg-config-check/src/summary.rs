//! What a valid configuration amounts to, in one line.

use std::collections::HashSet;
use std::fmt;

use serde::Serialize;
use serde_json::Value;

/// The kind that needs no mention.
const BUILT_IN: &str = "single_node";

/// What a valid configuration amounts to.
#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    /// How many tools, prompts, resources and resource templates the gateway has itself.
    bindings: usize,
    /// How many upstream servers it has.
    federations: usize,
    /// Whether calls are written down.
    audit: bool,
    /// Whether there are metrics or traces.
    observability: bool,
    /// The kind of coordinator.
    cluster: String,
}

/// Reads the summary out of the merged configuration: what is not written has its default, which is off everywhere.
pub(crate) fn summary(values: &Value) -> Summary {
    let count = |pointer: &str| {
        values
            .pointer(pointer)
            .and_then(Value::as_array)
            .map_or(0, Vec::len)
    };
    let on = |pointer: &str| values.pointer(pointer) == Some(&Value::Bool(true));
    let own = ["tools", "prompts", "resource_templates"];
    let own: usize = own
        .iter()
        .map(|list| count(&format!("/mcp/capabilities/{list}")))
        .sum();
    let kind = values.pointer("/cluster/kind").and_then(Value::as_str);
    Summary {
        bindings: own + resources(values),
        federations: count("/mcp/federations"),
        audit: on("/governance/audit/enabled"),
        observability: on("/observability/metrics/enabled") || on("/observability/traces/enabled"),
        cluster: kind.unwrap_or(BUILT_IN).to_owned(),
    }
}

/// Of several resources with one URI only the first is offered.
fn resources(values: &Value) -> usize {
    let listed = values
        .pointer("/mcp/capabilities/resources")
        .and_then(Value::as_array);
    let uris: HashSet<&Value> = listed
        .into_iter()
        .flatten()
        .map(|resource| &resource["uri"])
        .collect();
    uris.len()
}

impl fmt::Display for Summary {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} bindings", self.bindings)?;
        if self.federations > 0 {
            write!(formatter, ", {} federations", self.federations)?;
        }
        if self.audit {
            formatter.write_str(", audit on")?;
        }
        if self.observability {
            formatter.write_str(", observability on")?;
        }
        if self.cluster != BUILT_IN {
            write!(formatter, ", cluster: {}", self.cluster)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::summary;

    #[test]
    fn only_what_applies_is_said() {
        assert_eq!(summary(&json!({})).to_string(), "0 bindings");
        let all = json!({
            "cluster": {"kind": "nats"},
            "governance": {"audit": {"enabled": true}},
            "observability": {"metrics": {"enabled": true}},
            "mcp": {
                "capabilities": {
                    "tools": [{}], "prompts": [{}, {}], "resource_templates": [{}],
                    "resources": [{"uri": "a:1"}, {"uri": "a:2"}, {"uri": "a:1"}],
                },
                "federations": [{}, {}],
            },
        });
        assert_eq!(
            summary(&all).to_string(),
            "6 bindings, 2 federations, audit on, observability on, cluster: nats"
        );
    }

    #[test]
    fn traces_are_observability_too_and_what_is_off_is_not_mentioned() {
        let traces = json!({"observability": {"traces": {"enabled": true}, "metrics": {"enabled": false}}});
        assert_eq!(summary(&traces).to_string(), "0 bindings, observability on");
        let off = json!({
            "governance": {"audit": {"enabled": false}}, "observability": {"metrics": {"enabled": "${env.METRICS}"}},
            "cluster": {"kind": "single_node"},
        });
        assert_eq!(summary(&off).to_string(), "0 bindings");
    }
}
