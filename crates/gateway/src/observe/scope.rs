//! Which request the running task works on.
//!
//! A line of the log is written far from where the request is known. The scope goes along with the task instead of in a
//! span: making it costs one allocation per request and nothing per line that is not written, where a span would be
//! formatted for every request.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use http::HeaderMap;
use mcpg_mcp::trace_context::{MetaTrace, TraceContext};
use tokio::task::futures::TaskLocalFuture;

/// How much of the boot id begins the id of a request: enough to tell the replicas of a fleet apart.
const BOOT: usize = 6;

tokio::task_local! {
    static SCOPE: Scope;
}

/// The request that the calling task works on, for a line of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CurrentRequest {
    /// The id that the gateway gave it.
    pub id: String,
    /// The id of its trace, if the client named one.
    pub trace: Option<String>,
}

impl CurrentRequest {
    /// The request of this task; `None` outside of any.
    pub fn get() -> Option<Self> {
        SCOPE.try_with(Scope::shown).ok()
    }
}

/// Adds the headers of the trace that the running call belongs to, to a request that is sent on its behalf.
pub(crate) fn add_trace_to(headers: &mut HeaderMap) {
    // Outside of any request there is no trace.
    let _ = SCOPE.try_with(|scope| {
        if let Some(trace) = &scope.trace {
            trace.add_to(headers);
        }
    });
}

/// Lets work that outlives a request still be known as its work.
pub(crate) fn carried<T>(work: impl Future<Output = T>) -> impl Future<Output = T> {
    let scope = Scope::current();
    async move {
        match scope {
            Some(scope) => scope.cover(work).await,
            None => work.await,
        }
    }
}

/// Numbers the requests of this process.
#[derive(Debug)]
pub(crate) struct Scopes {
    boot: Arc<str>,
    next: AtomicU64,
}

/// One request, wherever it is worked on.
#[derive(Clone, Debug)]
pub(crate) struct Scope {
    request: Arc<Numbered>,
    trace: Option<Arc<TraceContext>>,
}

#[derive(Debug)]
struct Numbered {
    boot: Arc<str>,
    number: u64,
    /// Whether a JSON-RPC request was found in it.
    is_metered: AtomicBool,
}

/// What an executor passes on of the trace of a call.
#[derive(Clone, Debug, Default)]
pub(crate) struct CallTrace {
    context: Option<Arc<TraceContext>>,
    /// The keys of `_meta` whose values are invalid and must not be passed on.
    pub(crate) invalid: Vec<&'static str>,
}

impl Scopes {
    /// Numbers requests from here on. Ids are unique over replicas and boots as far as `boot` is.
    pub(crate) fn new(boot: &str) -> Self {
        Self {
            boot: boot.chars().take(BOOT).collect::<String>().into(),
            next: AtomicU64::new(1),
        }
    }

    /// A request has come in.
    pub(crate) fn begin(&self, headers: &HeaderMap) -> Scope {
        let trace = TraceContext::from_headers(headers);
        Scope {
            request: Arc::new(Numbered {
                boot: Arc::clone(&self.boot),
                number: self.next.fetch_add(1, Ordering::Relaxed),
                is_metered: AtomicBool::new(false),
            }),
            trace: (!trace.is_empty()).then(|| Arc::new(trace)),
        }
    }
}

impl Scope {
    /// The request of this task.
    pub(crate) fn current() -> Option<Self> {
        SCOPE.try_with(Clone::clone).ok()
    }

    /// Works on this request. No `async fn`, which would keep the work twice and copy it.
    pub(crate) fn cover<W: Future>(self, work: W) -> TaskLocalFuture<Self, W> {
        SCOPE.scope(self, work)
    }

    /// A JSON-RPC request was found in it, which is shown on its own.
    pub(crate) fn metered(&self) {
        self.request.is_metered.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_metered(&self) -> bool {
        self.request.is_metered.load(Ordering::Relaxed)
    }

    fn shown(&self) -> CurrentRequest {
        let Numbered { boot, number, .. } = &*self.request;
        let trace = self.trace.as_ref().and_then(|trace| trace.trace_id());
        CurrentRequest {
            id: format!("{boot}-{number:x}"),
            trace: trace.map(str::to_owned),
        }
    }
}

impl CallTrace {
    /// Lets a call run in the scope of the request that it came in, and says what is passed on with it. What the message
    /// says of the trace comes before what its headers say.
    pub(crate) fn of(message: MetaTrace) -> (Option<Scope>, Self) {
        let mut scope = Scope::current();
        let outer = scope.as_ref().and_then(|scope| scope.trace.clone());
        let context = match (message.context, outer) {
            (inner, outer) if inner.is_empty() => outer,
            (inner, Some(outer)) => Some(Arc::new(inner.or(&outer))),
            (inner, None) => Some(Arc::new(inner)),
        };
        if let Some(scope) = &mut scope {
            scope.trace.clone_from(&context);
        }
        let trace = Self {
            context,
            invalid: message.invalid,
        };
        (scope, trace)
    }

    /// Adds the headers of the trace to a request that is sent on behalf of this call.
    pub(crate) fn add_to(&self, headers: &mut HeaderMap) {
        if let Some(context) = &self.context {
            context.add_to(headers);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use http::HeaderValue;

    use super::*;

    #[tokio::test]
    async fn a_request_is_known_where_it_is_worked_on_and_nowhere_else() {
        let scopes = Scopes::new("0123456789abcdef");
        let mut headers = HeaderMap::new();
        let parent = HeaderValue::from_static("00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01");
        headers.insert("traceparent", parent);
        assert_eq!(CurrentRequest::get(), None);
        let seen = scopes
            .begin(&headers)
            .cover(async { CurrentRequest::get() })
            .await;
        let expected = CurrentRequest {
            id: "012345-1".to_owned(),
            trace: Some("0af7651916cd43dd8448eb211c80319c".to_owned()),
        };
        assert_eq!(seen, Some(expected));
        let next = scopes
            .begin(&HeaderMap::new())
            .cover(async { CurrentRequest::get() });
        let expected = CurrentRequest {
            id: "012345-2".to_owned(),
            trace: None,
        };
        assert_eq!(next.await, Some(expected));
        assert_eq!(CurrentRequest::get(), None);
    }
}
