//! The plugin's own runtime.

use std::sync::OnceLock;

use mcpg_cluster::{Error, ErrorKind};
use tokio::runtime::{Builder, EnterGuard, Runtime};

/// A library has its own copy of tokio, which knows nothing of the host's runtime.
static RUNTIME: OnceLock<Result<Runtime, String>> = OnceLock::new();

/// Two threads move the input and output of one coordinator; calls are polled by the host's threads.
const WORKER_THREADS: usize = 2;

/// Makes the runtime current for as long as the guard lives.
pub(crate) fn enter() -> Option<EnterGuard<'static>> {
    get().ok().map(Runtime::enter)
}

/// Starts the runtime unless it runs.
///
/// # Errors
/// When the system gives no threads.
pub(crate) fn start() -> Result<(), Error> {
    get().map(|_| ()).map_err(|reason| {
        Error::new(ErrorKind::Unavailable, "the plugin's runtime cannot be started")
            .with_context("cause", reason)
    })
}

fn get() -> Result<&'static Runtime, &'static str> {
    RUNTIME
        .get_or_init(|| {
            Builder::new_multi_thread()
                .worker_threads(WORKER_THREADS)
                .thread_name("mcpg-plugin")
                .enable_all()
                .build()
                .map_err(|error| error.to_string())
        })
        .as_ref()
        .map_err(String::as_str)
}
