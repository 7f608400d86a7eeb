//! Running cases: one by one as tests, or all of them for a report.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::timeout;

use crate::{Backend, Case, Context, Failure, Outcome, cases};

/// The longest that a case may take; a coordinator that hangs fails the case instead of hanging the run.
pub const CASE_BOUND: Duration = Duration::from_secs(180);

/// Runs one case against a fresh backend.
///
/// # Errors
/// What the coordinator did not keep.
pub async fn check_case(case: &Case, backend: Arc<dyn Backend>) -> Outcome {
    let ctx = Context::open(backend).await?;
    let outcome = timeout(CASE_BOUND, (case.run)(&ctx)).await;
    let closed = ctx.close().await;
    match outcome {
        Ok(outcome) => outcome.and(closed),
        Err(_) => Err(Failure::new(format!("no end within {CASE_BOUND:?}"))),
    }
}

/// Runs the named case as a test.
///
/// # Panics
/// When the case fails or is not in the kit.
pub async fn assert_case(name: &str, backend: impl Backend + 'static) {
    let Some(case) = crate::case_named(name) else {
        panic!("the kit has no case {name}");
    };
    if let Err(failure) = check_case(case, Arc::new(backend)).await {
        panic!("{case:?}: {failure}");
    }
}

/// Runs a test on a fresh runtime in real time, as servers need it.
///
/// # Panics
/// When the test panics or the runtime cannot be started.
pub fn run_in_real_time(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    match runtime {
        Ok(runtime) => runtime.block_on(test),
        Err(error) => panic!("no runtime for the test: {error}"),
    }
}

/// How each case ended, in the order of the kit.
#[derive(Debug)]
pub struct Report {
    /// The cases with their outcomes.
    pub outcomes: Vec<(&'static Case, Outcome)>,
}

impl Report {
    /// The cases that failed, and why.
    pub fn failures(&self) -> impl Iterator<Item = (&'static Case, &Failure)> {
        self.outcomes
            .iter()
            .filter_map(|(case, outcome)| Some((*case, outcome.as_ref().err()?)))
    }
}

/// Runs the whole kit, all cases at the same time, each on a backend from `backend`.
pub async fn check_all(backend: impl Fn() -> Arc<dyn Backend>) -> Report {
    let running = cases().iter().map(|case| {
        let backend = backend();
        async move { (case, check_case(case, backend).await) }
    });
    Report {
        outcomes: join_all(running).await,
    }
}
