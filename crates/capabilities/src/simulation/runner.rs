//! Runs of many seeds.

use std::time::Duration;

use super::seeds::with_seed;
use super::{Faults, World};
use crate::weakness::{self, Weakness};

/// Runs that stand still for this long of their own time are hung.
const LONGEST_RUN: Duration = Duration::from_secs(7 * 24 * 3_600);

/// An invariant that a run has broken.
#[derive(Clone, Debug)]
pub(crate) struct Violation(pub(crate) String);

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) violation: Option<Violation>,
    /// Over everything that happened.
    pub(crate) hash: u64,
    /// The last lines of what happened; all of them when one seed is replayed.
    pub(crate) history: String,
}

/// One run of a scenario in a world of its own.
pub(crate) fn one_run<F>(
    seed: u64,
    faults: Faults,
    keeps_trace: bool,
    scenario: impl FnOnce(World) -> F,
) -> Outcome
where
    F: Future<Output = ()>,
{
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build().unwrap();
    with_seed(seed, || {
        runtime.block_on(async {
            let world = World::new(seed, faults, keeps_trace);
            tokio::select! {
                biased;
                () = world.until_violated() => {}
                () = scenario(world.clone()) => {}
                () = tokio::time::sleep(LONGEST_RUN) => world.violated("the scenario hangs"),
            }
            let (hash, history) = world.history();
            Outcome {
                violation: world.violation(),
                hash,
                history,
            }
        })
    })
}

/// How many seeds a test tries: `SIM_SEEDS` times its own share in hundredths of it.
pub(crate) fn seeds_of(share: u64) -> u64 {
    let seeds = std::env::var("SIM_SEEDS").ok();
    let seeds = seeds.map_or(100, |text| text.parse().expect("SIM_SEEDS is a number"));
    (seeds * share / 100).max(1)
}

/// The first seed that is tried: `SIM_FIRST`, so that each day may try others.
fn first_seed() -> u64 {
    let first = std::env::var("SIM_FIRST").ok();
    first.map_or(0, |text| text.parse().expect("SIM_FIRST is a number"))
}

/// Runs a scenario with many seeds, or with the one that `SIM_SEED` names, and fails with the first that breaks an
/// invariant.
pub(crate) fn for_seeds<F>(share: u64, faults: &Faults, scenario: impl Fn(World) -> F)
where
    F: Future<Output = ()>,
{
    let only = std::env::var("SIM_SEED").ok();
    let only = only.map(|text| text.parse::<u64>().expect("SIM_SEED is a number"));
    let first = first_seed();
    let seeds = only.map_or(first..first + seeds_of(share), |seed| seed..seed + 1);
    for seed in seeds {
        let announced = Announced(seed);
        let outcome = one_run(seed, faults.clone(), only.is_some(), &scenario);
        std::mem::forget(announced);
        if let Some(Violation(what)) = outcome.violation {
            let history = outcome.history;
            panic!("seed {seed}: {what}\n{history}replay it alone and whole with SIM_SEED={seed}");
        }
        if only.is_some() {
            println!("{}", outcome.history);
        }
    }
}

/// Names the seed when a run panics.
struct Announced(u64);

impl Drop for Announced {
    fn drop(&mut self) {
        println!(
            "the run of seed {} panicked: replay it with SIM_SEED={}",
            self.0, self.0
        );
    }
}

/// Runs a scenario with a few seeds, each with every protection and without one: it must hold, and it must break.
pub(crate) fn breaks_without<F>(missing: Weakness, faults: &Faults, scenario: impl Fn(World) -> F)
where
    F: Future<Output = ()>,
{
    for seed in 0..3 {
        let run = || one_run(seed, faults.clone(), true, &scenario);
        let kept = run();
        if let Some(Violation(what)) = kept.violation {
            panic!("seed {seed}: {what} with every protection\n{}", kept.history);
        }
        let broken = weakness::with(Some(missing), run);
        let history = broken.history;
        assert!(
            broken.violation.is_some(),
            "seed {seed}: nothing breaks without {missing:?}\n{history}"
        );
    }
}

/// Runs a random scenario without one protection until it breaks: it must within so many seeds.
pub(crate) fn finds_without<F>(missing: Weakness, within: u64, faults: &Faults, scenario: impl Fn(World) -> F)
where
    F: Future<Output = ()>,
{
    let breaks = |seed| {
        let run = || one_run(seed, faults.clone(), false, &scenario);
        weakness::with(Some(missing), run).violation.is_some()
    };
    let found = (0..within).find(|seed| breaks(*seed));
    assert!(found.is_some(), "{within} seeds do not miss {missing:?}");
}
