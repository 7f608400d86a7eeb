//! The glue between the list of cases and the tests of an implementer.

/// Makes one named test of every case of the kit.
///
/// The argument is an expression that builds a fresh [`Backend`](crate::Backend); it is evaluated in each test. A second
/// argument names the function that runs a test's future, [`run_in_real_time`](crate::run_in_real_time) by default.
#[macro_export]
macro_rules! conformance_tests {
    ($backend:expr) => {
        $crate::conformance_tests!($backend, $crate::run_in_real_time);
    };
    ($backend:expr, $run:path) => {
        $crate::with_every_case!(tests $backend, $run);
    };
}

/// Hands the list of all cases to another macro; the only place where they are listed.
#[doc(hidden)]
#[macro_export]
macro_rules! with_every_case {
    ($purpose:ident $($arguments:tt)*) => {
        $crate::expand_cases! {
            $purpose [$($arguments)*]
            get:
                get_of_a_missing_key_returns_none,
                get_of_an_expired_entry_returns_none,
                get_returns_the_value_and_version_last_written,
                get_sees_what_another_replica_wrote,
                get_keeps_hostile_keys_apart,
            ;
            put:
                put_expecting_any_writes_over_whatever_is_there,
                put_expecting_absent_creates_a_missing_key,
                put_expecting_absent_is_refused_while_the_key_is_live,
                put_expecting_absent_succeeds_once_the_entry_has_expired,
                put_expecting_a_version_writes_over_that_version_only,
                put_expecting_a_version_is_refused_on_a_missing_key,
                put_expecting_a_version_is_refused_on_an_expired_entry,
                put_that_is_refused_changes_nothing,
                put_of_an_empty_value_is_a_value,
            ;
            versions:
                put_returns_a_version_greater_than_all_before,
                put_of_the_same_value_is_a_new_version,
                put_never_reuses_a_version_after_delete,
                put_never_reuses_a_version_after_expiry,
            ;
            expiry:
                put_with_a_ttl_never_expires_early,
                put_without_a_ttl_removes_the_ttl_that_was_there,
                put_replaces_the_ttl_that_was_there,
                put_with_a_ttl_out_of_bounds_is_refused,
            ;
            limits:
                put_of_the_largest_value_is_read_back_whole,
                put_of_a_value_above_the_largest_is_refused,
                put_takes_names_up_to_the_longest_and_refuses_longer_ones,
            ;
            races:
                puts_racing_for_one_version_have_one_winner,
                puts_racing_to_create_have_one_winner,
                update_applies_every_racing_change_exactly_once,
            ;
            delete:
                delete_expecting_any_removes_the_entry,
                delete_expecting_any_of_a_missing_key_succeeds,
                delete_expecting_a_version_removes_that_version,
                delete_expecting_another_version_is_refused,
                delete_expecting_a_version_of_a_missing_key_is_refused,
                delete_expecting_absent_is_invalid,
            ;
            list:
                list_is_ordered_by_the_bytes_of_the_names,
                list_stays_within_its_scope,
                list_takes_the_prefix_literally,
                list_pages_hold_at_most_the_limit,
                list_pages_give_every_unchanged_key_once,
                list_leaves_out_expired_entries,
                list_gives_values_and_versions_as_get_does,
                list_of_an_empty_scope_is_one_empty_page,
                list_with_a_limit_of_zero_is_invalid,
            ;
            touch:
                touch_moves_the_expiry,
                touch_keeps_the_value,
                touch_returns_the_version_that_is_there,
                touch_of_another_version_is_refused,
                touch_of_a_missing_key_is_refused,
                touch_of_an_expired_entry_is_refused,
                touch_gives_a_ttl_to_an_entry_that_had_none,
                touch_with_a_ttl_out_of_bounds_is_refused,
            ;
            publish:
                publish_reaches_every_subscriber_of_the_topic,
                publish_to_nobody_succeeds,
                publish_keeps_the_order_of_one_publisher,
                publish_takes_topics_literally,
                publish_of_an_empty_message_arrives,
                publish_of_the_largest_message_arrives_whole,
                publish_of_a_message_above_the_largest_is_refused,
            ;
            subscribe:
                subscribe_returns_when_it_is_live,
                subscribe_starts_at_the_present,
                subscriber_that_is_slow_gets_a_gap,
                subscription_that_is_dropped_ends_alone,
            ;
            acquire:
                acquire_grants_a_free_lease,
                acquire_of_a_held_lease_returns_none,
                acquire_grants_a_lease_that_was_released,
                acquire_grants_a_lease_that_has_expired,
                acquire_never_grants_early,
                acquire_mints_a_greater_token_after_release,
                acquire_mints_a_greater_token_after_expiry,
                acquire_repeated_with_its_nonce_returns_the_same_token,
                acquire_repeated_with_its_nonce_returns_none_after_a_successor,
                acquires_racing_for_one_lease_have_one_winner,
                acquire_keeps_hostile_lease_names_apart,
                acquire_with_a_ttl_out_of_bounds_is_refused,
            ;
            renew:
                renew_makes_the_lease_outlast_its_first_ttl,
                renew_keeps_the_token,
                renew_with_an_older_token_is_refused,
                renew_after_expiry_is_refused,
                renew_after_release_is_refused,
                release_frees_the_lease_at_once,
                release_with_an_older_token_changes_nothing,
                release_of_a_free_lease_succeeds,
                holder_of_a_free_lease_is_none,
                holder_names_the_holder_and_its_token,
            ;
            lease_guard:
                guard_of_a_held_lease_is_none,
                guard_keeps_the_lease_beyond_its_ttl,
                guard_that_is_dropped_lets_the_lease_expire,
                guard_says_when_its_lease_is_lost,
                guard_release_frees_the_lease_at_once,
            ;
            watch:
                watch_begins_with_a_snapshot,
                watch_gives_a_put_as_it_was_written,
                watch_gives_a_delete,
                watch_gives_an_expiry_as_a_delete,
                watch_gives_what_another_replica_changes,
                watch_stays_within_its_scope_and_prefix,
            ;
            watch_changes:
                watch_loses_nothing_between_snapshot_and_changes,
                watch_never_goes_back,
                watcher_that_is_slow_ends_up_with_the_latest_state,
            ;
            watch_order:
                watch_keeps_the_order_of_writes,
            ;
            presence:
                join_makes_the_peer_visible_to_every_replica,
                join_of_a_peer_that_is_present_is_refused,
                join_again_after_leaving_succeeds,
                peers_of_an_empty_deployment_are_none,
                peers_are_ordered_by_id,
                peer_events_begin_with_those_present,
                peer_events_come_once_per_change,
                leave_says_left_at_once,
                leave_removes_the_peer_from_the_list,
                membership_dropped_without_leaving_ends_as_unreachable,
            ;
            coordinator:
                kind_is_one_word_of_lower_case_letters,
                node_is_a_name,
                support_declares_limits_that_one_can_live_with,
                support_declares_a_lease_ttl_within_its_limits,
                primitives_work_from_the_start,
                connection_begins_with_the_present_state,
                close_makes_later_calls_fail_as_closed,
                close_ends_the_streams_with_an_error,
                close_leaves_other_replicas_alone,
                close_twice_succeeds,
            ;
        }
    };
}

/// Turns the list into the registry of the kit or into tests.
#[doc(hidden)]
#[macro_export]
macro_rules! expand_cases {
    (registry [] $($group:ident: $($case:ident,)+ ;)+) => {
        &[$($(
            $crate::Case {
                name: stringify!($case),
                group: stringify!($group),
                run: |ctx| Box::pin($crate::cases::$group::$case(ctx)),
            },
        )+)+]
    };
    (tests [$backend:expr, $run:path] $($group:ident: $($case:ident,)+ ;)+) => {
        $($(
            #[test]
            fn $case() {
                $run($crate::assert_case(stringify!($case), $backend));
            }
        )+)+
    };
}
