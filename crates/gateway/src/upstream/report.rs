//! The state of an upstream in words.

use std::sync::atomic::Ordering;

use super::core::Upstream;
use super::state::{Offer, Status};
use crate::inspector::{UpstreamReport, UpstreamState};

impl Upstream {
    /// What is known of it at the moment.
    pub(crate) fn report(&self) -> UpstreamReport {
        let state = self.state();
        let offers: Vec<&Offer> = [&state.legacy, &state.modern]
            .into_iter()
            .filter_map(|offer| offer.as_deref())
            .collect();
        // Both eras offer the same things, unless the upstream is an odd one.
        let most = |count: fn(&Offer) -> usize| offers.iter().map(|offer| count(offer)).max().unwrap_or(0);
        UpstreamReport {
            name: self.name().to_owned(),
            state: match &state.status {
                Status::Connecting => UpstreamState::Connecting,
                Status::Up => UpstreamState::Up,
                Status::Down { cause, since } => UpstreamState::Down {
                    cause: cause.clone(),
                    for_sec: since.elapsed().as_secs(),
                },
            },
            revisions: offers
                .iter()
                .map(|offer| offer.version.as_str().to_owned())
                .collect(),
            refused_streams: self.refused_streams.load(Ordering::Relaxed),
            tools: most(|offer| offer.tools.len()),
            prompts: most(|offer| offer.prompts.len()),
            resources: most(|offer| offer.resources.len()),
            resource_templates: most(|offer| offer.resource_templates.len()),
        }
    }
}
