//! How far a gateway has come in letting its clients go.

use std::sync::atomic::{AtomicU8, Ordering};

use http::header::CONNECTION;
use http::{HeaderValue, Response};

const SERVING: u8 = 0;
const LETTING_GO: u8 = 1;
const REFUSING: u8 = 2;

/// How far a gateway has come in letting its clients go. It only ever goes on.
#[derive(Debug, Default)]
pub(crate) struct Drain(AtomicU8);

impl Drain {
    /// From now on every answer asks the client to connect anew, so that pools and balancers let go of this process.
    pub(crate) fn let_go(&self) {
        self.0.fetch_max(LETTING_GO, Ordering::Relaxed);
    }

    /// From now on requests are refused.
    pub(crate) fn refuse(&self) {
        self.0.fetch_max(REFUSING, Ordering::Relaxed);
    }

    pub(super) fn is_refusing(&self) -> bool {
        self.0.load(Ordering::Relaxed) == REFUSING
    }

    /// Makes an answer the last one on its connection where that is wanted.
    pub(super) fn mark<B>(&self, response: &mut Response<B>) {
        if self.0.load(Ordering::Relaxed) != SERVING {
            let headers = response.headers_mut();
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
    }
}
