//! Many fleets on one coordinator.

use futures_util::future::join_all;
use http::StatusCode;

use super::scenario::core;
use crate::support::balancer::Policy;
use crate::support::fleet::FleetSettings;
use crate::support::legacy::Session;
use crate::support::session_requests::{assert_all_not_found, list_request};
use crate::support::upstream::Upstream;

#[tokio::test]
async fn sb_8_fleets_with_prefixes_of_their_own_share_one_coordinator() {
    let upstream = Upstream::legacy().await;
    // All of them start at once, in whatever order the machine chooses.
    let starting = [1, 2].map(|seed| {
        FleetSettings::in_front_of(&upstream.url())
            .policy(Policy::random(seed))
            .start()
    });
    let fleets = join_all(starting).await;
    let entries: Vec<_> = fleets.iter().map(|fleet| fleet.entry()).collect();
    let working = entries.iter().map(async |entry| {
        for _ in 0..10 {
            core(entry, "sb8").await.unwrap();
        }
    });
    join_all(working).await;
    assert_eq!(upstream.counts("echo", "sb8").await.completed, 20);
    let session = Session::open(&entries[0]).await;
    for endpoint in fleets[1].each() {
        assert_all_not_found(&endpoint, &session.id).await;
    }
    for endpoint in fleets[0].each() {
        let status = session.at(&endpoint).send(&list_request()).await.status;
        assert_eq!(status, StatusCode::OK);
    }
}
