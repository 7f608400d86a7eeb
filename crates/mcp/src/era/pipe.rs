//! The same decision on a pipe (the stdio transport), where there are no headers and at most one session.

use crate::envelope::Request;
use crate::error::ErrorObject;
use crate::meta::{RawMeta, RequestMeta, requested_version};
use crate::params::Params;

use super::served_modern;

/// How to serve one request that came through a pipe.
#[derive(Debug, Clone)]
pub enum PipeDecision<'a> {
    /// A modern request: it stands for itself.
    Modern {
        /// Its metadata.
        meta: RequestMeta<'a>,
        /// Its parameters.
        params: Params<'a>,
    },
    /// A legacy `initialize`, which opens the pipe's session.
    Initialize,
    /// Any other legacy request.
    Legacy {
        /// Its parameters.
        params: Params<'a>,
    },
}

/// Decides the era of a request on a pipe.
///
/// Modern metadata makes a request modern, also after a legacy `initialize`; clients that speak both eras ask
/// `server/discover` first and may fall back on the same pipe.
///
/// # Errors
/// The JSON-RPC error for params that are no object, metadata that is incomplete, or a revision that is not served.
pub fn decide_on_pipe<'a>(request: &Request<'a>, in_session: bool) -> Result<PipeDecision<'a>, ErrorObject> {
    let params = Params::parse(request.params)?;
    let meta = RawMeta::parse(params.meta);
    if let Some(meta) = meta.filter(|meta| meta.version.is_some() || (!in_session && meta.looks_modern())) {
        let requested = requested_version(&meta)?;
        let meta = meta.check(served_modern(&requested)?)?;
        return Ok(PipeDecision::Modern { meta, params });
    }
    if request.method == "initialize" {
        return Ok(PipeDecision::Initialize);
    }
    Ok(PipeDecision::Legacy { params })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::envelope::{Incoming, Message, parse};

    fn decided(text: &str, in_session: bool) -> Result<String, ErrorObject> {
        let Incoming::Single(Message::Request(request)) = parse(text.as_bytes()).unwrap() else {
            panic!("no request: {text}");
        };
        decide_on_pipe(&request, in_session).map(|decision| match decision {
            PipeDecision::Modern { meta, .. } => meta.version.as_str().to_owned(),
            PipeDecision::Initialize => "initialize".to_owned(),
            PipeDecision::Legacy { .. } => "legacy".to_owned(),
        })
    }

    fn request(method: &str, meta: &str) -> String {
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{{"_meta":{meta}}}}}"#)
    }

    const MODERN: &str = r#"{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}"#;

    #[test]
    fn metadata_makes_a_request_modern_with_and_without_a_session() {
        for in_session in [false, true] {
            assert_eq!(
                decided(&request("tools/list", MODERN), in_session).unwrap(),
                "2026-07-28"
            );
        }
    }

    #[test]
    fn without_metadata_a_request_is_legacy() {
        for in_session in [false, true] {
            assert_eq!(
                decided(&request("tools/list", "{}"), in_session).unwrap(),
                "legacy"
            );
            assert_eq!(
                decided(&request("initialize", "{}"), in_session).unwrap(),
                "initialize"
            );
        }
    }

    #[test]
    fn metadata_with_a_hole_is_refused_unless_there_is_a_session() {
        let hole = request(
            "tools/list",
            r#"{"io.modelcontextprotocol/clientCapabilities":{}}"#,
        );
        assert_eq!(decided(&hole, false).unwrap_err().code, -32602);
        assert_eq!(decided(&hole, true).unwrap(), "legacy");
    }

    #[test]
    fn a_revision_that_is_not_served_is_named_with_those_that_are() {
        for (version, offered) in [("2025-11-25", "2026-07-28"), ("2031-01-01", "2025-11-25")] {
            let refused = decided(
                &request("tools/list", &MODERN.replace("2026-07-28", version)),
                false,
            );
            let refused = refused.unwrap_err();
            assert_eq!(refused.code, -32022);
            assert!(refused.data.unwrap().get().contains(offered), "{version}");
        }
    }
}
