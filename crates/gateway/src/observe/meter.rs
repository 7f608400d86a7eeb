//! Counts requests, each exactly once.
//!
//! A [`Meter`] is made when a request has been read and goes wherever the request goes. It counts when it is dropped, so
//! no way out is forgotten; whoever knows how the request ended says so before.

use std::sync::Arc;
use std::time::Instant;

use http::{Method, StatusCode};
use mcpg_capabilities::principal::Principal;
use mcpg_capabilities::sessions::SessionId;
use mcpg_mcp::version::Era;
use mcpg_metrics::table::{
    CALLS_UPGRADED, CANCELS, ERAS, HTTP_RESPONSES, METHODS, OUTCOMES, REQUEST_DURATION, REQUESTS,
    REQUESTS_IN_FLIGHT, STATUSES, VERBS,
};
use mcpg_metrics::{Counters, Gauge, Histograms};
use tracing::info;

use super::scope::Scope;

/// The handles of everything that is counted about requests. Nothing is looked up by text while a request runs.
#[derive(Debug)]
pub(crate) struct Meters {
    requests: Counters,
    durations: Histograms,
    in_flight: Gauge,
    responses: Counters,
    upgraded: Counters,
    cancels: Counters,
    access_log: bool,
}

/// How a request ends; the places are those of `OUTCOMES`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Ok = 0,
    Error = 1,
    Refused = 2,
    Unavailable = 3,
    Cancelled = 4,
    Timeout = 5,
}

/// Why a call is cut off; the places are those of `CANCEL_CAUSES`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CancelCause {
    Client = 0,
    Disconnect = 1,
    SessionClosed = 2,
    Timeout = 3,
}

/// One request on its way.
#[derive(Debug)]
pub(crate) struct Meter {
    meters: Arc<Meters>,
    method: usize,
    era: Option<Era>,
    begun: Instant,
    ending: Ending,
    status: StatusCode,
    /// Only where requests are shown.
    client: Option<(Principal, Option<SessionId>)>,
}

impl Meters {
    /// Takes the handles from the recorder of this process. With an access log each request is also a line.
    pub(crate) fn new(access_log: bool) -> Arc<Self> {
        Arc::new(Self {
            requests: Counters::new(&REQUESTS),
            durations: Histograms::new(&REQUEST_DURATION),
            in_flight: REQUESTS_IN_FLIGHT.gauge(&[]),
            responses: Counters::new(&HTTP_RESPONSES),
            upgraded: Counters::new(&CALLS_UPGRADED),
            cancels: Counters::new(&CANCELS),
            access_log,
        })
    }

    /// A request of this method was read.
    pub(crate) fn begin(self: &Arc<Self>, method: &str) -> Meter {
        self.in_flight.increment(1.0);
        if let Some(scope) = Scope::current() {
            scope.metered();
        }
        Meter {
            meters: Arc::clone(self),
            method: place(METHODS, method),
            era: None,
            begun: Instant::now(),
            ending: Ending::Cancelled,
            status: StatusCode::OK,
            client: None,
        }
    }

    /// A response begins. One to what is no JSON-RPC request is shown here, since nothing else is known of it.
    pub(crate) fn responded(&self, scope: &Scope, verb: &Method, status: StatusCode, begun: Instant) {
        let (verb, place_of_status) = (place(VERBS, verb.as_str()), place(STATUSES, status.as_str()));
        self.responses.at([verb, place_of_status]).increment(1);
        if self.access_log && !scope.is_metered() {
            info!(
                message = "Answered.",
                verb = VERBS[verb],
                status = status.as_u16(),
                duration_ms = milliseconds(begun)
            );
        }
    }
}

impl Meter {
    /// The era of the request is known.
    pub(crate) fn in_era(mut self, era: Era) -> Self {
        self.era = Some(era);
        self
    }

    /// The request ends without having been executed, with this HTTP status.
    pub(crate) fn refused(mut self, status: StatusCode) {
        self.status = status;
        self.ending = match status {
            StatusCode::SERVICE_UNAVAILABLE => Ending::Unavailable,
            status if status.is_client_error() => Ending::Refused,
            _ => Ending::Error,
        };
    }

    /// The request ends like this, with this HTTP status.
    pub(crate) fn end(mut self, ending: Ending, status: StatusCode) {
        self.ending = ending;
        self.status = status;
    }

    /// It is known who sent the request, and in which session.
    pub(crate) fn of(mut self, principal: &Principal, session: Option<&SessionId>) -> Self {
        self.client = self
            .meters
            .access_log
            .then(|| (principal.clone(), session.cloned()));
        self
    }

    /// The response became a stream.
    pub(crate) fn upgraded(&self) {
        self.meters.upgraded.at([self.era_place()]).increment(1);
    }

    /// The call is cut off.
    pub(crate) fn cut_off(&self, cause: CancelCause) {
        self.meters.cancels.at([cause as usize]).increment(1);
    }

    fn era_place(&self) -> usize {
        match self.era {
            Some(Era::Legacy) => 0,
            Some(Era::Modern) => 1,
            None => ERAS.len() - 1,
        }
    }
}

impl Drop for Meter {
    /// A request that nobody ended was let go of: its client went away.
    fn drop(&mut self) {
        let (method, era) = (self.method, self.era_place());
        let meters = &self.meters;
        meters.in_flight.decrement(1.0);
        meters.durations.at([method, era]).record(self.begun.elapsed());
        meters
            .requests
            .at([method, era, self.ending as usize])
            .increment(1);
        if meters.access_log {
            let principal = self.client.as_ref().map(|(principal, _)| principal);
            let session = self.client.as_ref().and_then(|(_, session)| session.as_ref());
            info!(
                message = "Answered.",
                method = METHODS[method],
                era = ERAS[era],
                outcome = OUTCOMES[self.ending as usize],
                status = self.status.as_u16(),
                duration_ms = milliseconds(self.begun),
                principal = principal.map(tracing::field::display),
                session = session.map(tracing::field::display)
            );
        }
    }
}

/// With what a person reads: three digits behind the point.
fn milliseconds(begun: Instant) -> f64 {
    let microseconds = begun.elapsed().as_micros();
    u32::try_from(microseconds).map_or(f64::INFINITY, f64::from) / 1000.0
}

/// The place of a word, or that of the last one, which stands for all others.
fn place(words: &[&str], word: &str) -> usize {
    let found = words.iter().position(|known| *known == word);
    found.unwrap_or(words.len() - 1)
}

#[cfg(test)]
mod tests {
    use mcpg_metrics::table::CANCEL_CAUSES;

    use super::*;

    #[test]
    fn places_are_those_of_the_table() {
        for (ending, word) in [
            (Ending::Ok, "ok"),
            (Ending::Error, "error"),
            (Ending::Refused, "refused"),
            (Ending::Unavailable, "unavailable"),
            (Ending::Cancelled, "cancelled"),
            (Ending::Timeout, "timeout"),
        ] {
            assert_eq!(OUTCOMES[ending as usize], word);
        }
        for (cause, word) in [
            (CancelCause::Client, "client"),
            (CancelCause::Disconnect, "disconnect"),
            (CancelCause::SessionClosed, "session_closed"),
            (CancelCause::Timeout, "timeout"),
        ] {
            assert_eq!(CANCEL_CAUSES[cause as usize], word);
        }
        assert_eq!(METHODS[place(METHODS, "tools/call")], "tools/call");
        assert_eq!(METHODS[place(METHODS, "made/up")], "other");
    }
}
