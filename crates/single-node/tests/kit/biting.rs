//! The kit bites: each broken coordinator fails the case that was made for its fault.

use std::sync::Arc;

use mcpg_conformance::{case_named, cases, check_case};

use crate::broken::{BrokenBackend, Fault};
use crate::conformance::run_in_paused_time;

/// Runs the named case and makes sure that it fails, and for a reason that mentions `reason`.
fn assert_bites(fault: Fault, case: &str, reason: &str) {
    run_in_paused_time(async {
        let case = case_named(case).unwrap();
        let outcome = check_case(case, Arc::new(BrokenBackend::new(fault))).await;
        let failure = outcome.expect_err("the broken coordinator passed").to_string();
        assert!(failure.contains(reason), "{case:?} failed with: {failure}");
    });
}

/// One line for each fault: the case that must fail and what it must say.
macro_rules! bites {
    ($($test:ident: $fault:ident, $case:ident, $reason:literal;)+) => {
        $(
            #[test]
            fn $test() {
                assert_bites(Fault::$fault, stringify!($case), $reason);
            }
        )+
    };
}

bites! {
    a_touch_that_revives_is_found: TouchRevivesExpired, touch_of_an_expired_entry_is_refused, "should fail as conflict";
    a_put_that_ignores_absent_is_found: PutIgnoresAbsent, put_expecting_absent_is_refused_while_the_key_is_live, "should fail as conflict";
    a_race_without_one_winner_is_found: PutIgnoresAbsent, puts_racing_to_create_have_one_winner, "the number of winners is 8";
    versions_that_restart_are_found: VersionsRestartAfterDelete, put_never_reuses_a_version_after_delete, "a version of an earlier life";
    a_put_that_skips_the_same_value_is_found: SameValueIsNotWritten, put_of_the_same_value_is_a_new_version, "is not greater";
    a_ttl_that_is_forgotten_is_found: TtlIsForgottenByPut, put_replaces_the_ttl_that_was_there, "the entry with the shorter ttl";
    an_early_expiry_is_found: EntriesExpireEarly, put_with_a_ttl_never_expires_early, "lived for";
    an_unordered_list_is_found: ListIsUnordered, list_is_ordered_by_the_bytes_of_the_names, "not in the order of the bytes";
    a_list_above_its_limit_is_found: ListIgnoresTheLimit, list_pages_hold_at_most_the_limit, "have the sizes";
    a_list_that_skips_is_found: ListSkipsAfterDelete, list_pages_give_every_unchanged_key_once, "was listed 0 times";
    keys_that_are_joined_are_found: ScopesAreJoinedToNames, get_keeps_hostile_keys_apart, "collides with an earlier key";
    a_delete_without_compare_is_found: DeleteIgnoresTheVersion, delete_expecting_another_version_is_refused, "should fail as conflict";
    tokens_that_repeat_are_found: TokensRepeat, acquire_mints_a_greater_token_after_release, "is not greater";
    tokens_that_repeat_after_expiry_are_found: TokensRepeat, acquire_mints_a_greater_token_after_expiry, "is not greater";
    a_release_without_token_is_found: ReleaseIgnoresTheToken, release_with_an_older_token_changes_nothing, "the answer to another after a late release";
    a_renewal_without_token_is_found: RenewIgnoresTheToken, renew_with_an_older_token_is_refused, "should fail as not held";
    an_ignored_nonce_is_found: NonceIsIgnored, acquire_repeated_with_its_nonce_returns_the_same_token, "is not granted";
    a_watch_that_loses_a_change_is_found: WatchLosesTheChangesWhileItStarts, watch_loses_nothing_between_snapshot_and_changes, "nothing within";
    a_watch_in_order_of_names_is_found: WatchTellsInOrderOfNames, watch_keeps_the_order_of_writes, "was told after a younger change";
    a_watch_that_tells_deletes_late_is_found: WatchTellsDeletesLast, watch_keeps_the_order_of_writes, "was told before an older change";
    a_lease_ttl_below_the_shortest_is_found: LeaseTtlIsTooShort, support_declares_a_lease_ttl_within_its_limits, "below the shortest";
    a_node_without_a_name_is_found: NodeHasNoName, node_is_a_name, "the node is";
    a_watch_without_expiries_is_found: WatchShowsNoExpiry, watch_gives_an_expiry_as_a_delete, "nothing within";
    a_subscription_that_is_not_live_is_found: SubscribeReturnsEarly, subscribe_returns_when_it_is_live, "nothing within";
    a_concealed_gap_is_found: SlowSubscriberHearsOfNoGap, subscriber_that_is_slow_gets_a_gap, "without a gap";
    a_leave_like_a_crash_is_found: LeaveLooksLikeACrash, leave_says_left_at_once, "Unreachable";
    a_close_without_effect_is_found: CloseIsIgnored, close_makes_later_calls_fail_as_closed, "should fail as closed";
}

#[test]
fn a_fault_of_leases_does_not_touch_the_cases_of_key_value() {
    run_in_paused_time(async {
        let of_puts = cases().iter().filter(|case| case.group == "put");
        for case in of_puts {
            let backend = BrokenBackend::new(Fault::TokensRepeat);
            let outcome = check_case(case, Arc::new(backend)).await;
            assert_eq!(outcome, Ok(()), "{case:?}");
        }
    });
}
