//! Builds the tokio runtime each subcommand asks for.

use tokio::runtime::{Builder, Runtime};

use crate::failure::{Failure, While as _};

/// Builds a runtime with `workers` threads; 0 means one per core, which is what a server gets by default.
///
/// One worker runs on the calling thread alone: no wake-up has to cross threads then.
pub(crate) fn build(workers: usize) -> Result<Runtime, Failure> {
    let mut builder = match workers {
        0 => Builder::new_multi_thread(),
        1 => Builder::new_current_thread(),
        several => {
            let mut builder = Builder::new_multi_thread();
            builder.worker_threads(several);
            builder
        }
    };
    builder
        .enable_all()
        .build()
        .attempting(|| format!("starting a runtime with {workers} workers"))
}
