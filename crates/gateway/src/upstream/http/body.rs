//! Reads the body of an answer, up to a limit.

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};

use crate::upstream::error::{UpstreamError, chain};

/// Reads a whole body.
///
/// # Errors
/// `TooLarge` as soon as the limit is known to be exceeded, `Lost` when the connection breaks.
pub(super) async fn read(mut body: Incoming, limit: usize) -> Result<Bytes, UpstreamError> {
    let too_large = || UpstreamError::TooLarge { limit };
    let announced = usize::try_from(body.size_hint().lower()).map_err(|_| too_large())?;
    if announced > limit {
        return Err(too_large());
    }
    let mut first = Bytes::new();
    let mut joined = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| UpstreamError::lost(chain(&error)))?;
        let Ok(piece) = frame.into_data() else { continue };
        if first.len() + joined.len() + piece.len() > limit {
            return Err(too_large());
        }
        // Most answers arrive in one piece, which then need not be copied.
        if first.is_empty() && joined.is_empty() {
            first = piece;
            continue;
        }
        if joined.is_empty() {
            joined.reserve(announced.max(first.len() + piece.len()));
            joined.extend_from_slice(&std::mem::take(&mut first));
        }
        joined.extend_from_slice(&piece);
    }
    Ok(if joined.is_empty() { first } else { joined.freeze() })
}

/// Reads a body only so that its connection can be used again; what it says does not matter.
pub(super) async fn discard(body: Incoming) {
    const WORTH_READING: usize = 64 * 1024;
    // An error or a long body costs the connection, nothing else.
    let _ = read(body, WORTH_READING).await;
}
