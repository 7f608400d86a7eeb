//! Judges layers without an environment, as a check before a deployment does.

use std::collections::HashSet;

use crate::load::{CHECKED, judge_values, label};
use crate::mistakes::Mistakes;
use crate::origin::Origin;
use crate::path::Path;
use crate::places::Places;
use crate::report::{Diagnostic, Report};
use crate::source::Source;
use crate::tree::Node;
use crate::{interpolate, layers, normalize, unknown};

/// A configuration in which no mistake was found without looking at the environment.
#[derive(Debug, Clone)]
pub struct Inspected {
    /// What is allowed but deserves a look.
    pub warnings: Vec<Diagnostic>,
    /// The layers, as in `base.yaml + production.yaml`.
    pub label: String,
    /// Where every key stands.
    pub places: Places,
}

/// Reads the layers and judges them as far as that is possible without the environment.
///
/// No variable overrides a key. `${env.NAME:-default}` is its default. What `${env.NAME}` stands for is not known, so
/// nothing is said that would be wrong for some value of it.
///
/// # Errors
/// Every mistake that was found, each with its place.
pub fn inspect(sources: &[Source]) -> Result<Inspected, Report> {
    let label = label(sources);
    let mut mistakes = Mistakes::default();
    let (tree, origins) = match layers::read(sources, &mut mistakes) {
        Some((mut tree, origins)) => {
            let unknown = interpolate::apply_defaults(&mut tree, &mut mistakes);
            normalize::apply(&mut tree, &CHECKED.schema);
            judge(&mut tree, &origins, unknown, &mut mistakes);
            (Some(tree), origins)
        }
        None => (None, Origin::layers(sources)),
    };
    let (found, warnings) = mistakes.into_diagnostics(&origins);
    match tree {
        Some(tree) if found.is_empty() => Ok(Inspected {
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

/// Judges the tree once for every guess at what is not known, and keeps what is wrong whatever the guess.
fn judge(tree: &mut Node, origins: &[Origin], unknown: Vec<Path>, mistakes: &mut Mistakes) {
    let unknown = unknown::of(tree, unknown, &CHECKED.schema);
    let removed: HashSet<Path> = mistakes.removed().clone();
    let mut judged = unknown::guesses(tree, &unknown, &CHECKED.schema).map(|guess| {
        let mut tree = tree.clone();
        let mut found = Mistakes::with_unknown(unknown.clone(), removed.clone());
        unknown::fill_in(&mut tree, guess, &CHECKED.schema, &found);
        judge_values(&mut tree, origins, &mut found);
        found
    });
    let Some(mut common) = judged.next() else {
        return;
    };
    for other in judged {
        common.retain_common(&other);
    }
    mistakes.extend(common);
}
