//! From layers to a validated configuration, in the order in which mistakes can be found.

use crate::app::AppConfig;
use crate::environment::Environment;
use crate::mistakes::{Mistake, Mistakes};
use crate::origin::Origin;
use crate::path::Path;
use crate::places::Places;
use crate::raw::RawConfig;
use crate::report::{Diagnostic, DiagnosticCode, Report};
use crate::source::Source;
use crate::tree::Node;
use crate::{check, interpolate, layers, normalize, overrides, schema, validate};
use jsonschema::Validator;
use serde_json::Value;
use std::sync::LazyLock;

/// A configuration that passed every check.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The validated configuration.
    pub config: AppConfig,
    /// What is allowed but deserves a look.
    pub warnings: Vec<Diagnostic>,
    /// The layers, as in `base.yaml + production.yaml`.
    pub label: String,
    /// Where every key stands.
    pub places: Places,
}

/// The schema and what checks against it; both are the same for every load.
pub(crate) struct Checked {
    pub(crate) schema: Value,
    validator: Validator,
}

pub(crate) static CHECKED: LazyLock<Checked> = LazyLock::new(|| {
    let schema = schema();
    let validator = jsonschema::draft202012::new(&schema)
        .expect("the generated schema is a valid JSON Schema, which a test proves");
    Checked { schema, validator }
});

/// Reads the layers, applies the environment and validates the result. No layer at all is the default configuration.
///
/// # Errors
/// Every mistake that was found, each with its place.
pub fn load(sources: &[Source], environment: &Environment) -> Result<Loaded, Report> {
    let label = label(sources);
    let mut mistakes = Mistakes::default();
    let (config, origins) = match layers::read(sources, &mut mistakes) {
        Some((mut tree, mut origins)) => {
            let config = judge(&mut tree, &mut origins, environment, &mut mistakes);
            (config.map(|config| (config, tree)), origins)
        }
        None => (None, Origin::layers(sources)),
    };
    let (found, warnings) = mistakes.into_diagnostics(&origins);
    match config {
        Some((config, tree)) if found.is_empty() => Ok(Loaded {
            config,
            warnings,
            label,
            places: Places::new(tree, origins),
        }),
        _ => Err(Report {
            label,
            mistakes: found,
            warnings,
        }),
    }
}

/// The layers, as in `base.yaml + production.yaml`.
pub(crate) fn label(sources: &[Source]) -> String {
    let labels: Vec<String> = sources.iter().map(Source::label).collect();
    labels.join(" + ")
}

fn judge(
    tree: &mut Node,
    origins: &mut Vec<Origin>,
    environment: &Environment,
    mistakes: &mut Mistakes,
) -> Option<AppConfig> {
    let schema = &CHECKED.schema;
    overrides::apply(tree, origins, environment, schema, mistakes);
    interpolate::apply(tree, environment, mistakes);
    normalize::apply(tree, schema);
    judge_values(tree, origins, mistakes)
}

/// Judges a tree whose texts are filled in: first by the schema, then by the rules.
pub(crate) fn judge_values(
    tree: &mut Node,
    origins: &[Origin],
    mistakes: &mut Mistakes,
) -> Option<AppConfig> {
    let Checked { schema, validator } = &*CHECKED;
    check::apply(tree, schema, validator, mistakes);
    let raw: RawConfig = match serde_json::from_value(tree.to_json()) {
        Ok(raw) => raw,
        Err(error) => {
            // Only a schema that is looser than the structs leads here.
            let message = format!("cannot be read: {error}");
            mistakes.add(Mistake::new(
                DiagnosticCode::InvalidValue,
                Path::root(),
                tree.position,
                message,
            ));
            return None;
        }
    };
    validate::apply(raw, tree, origins, mistakes)
}
