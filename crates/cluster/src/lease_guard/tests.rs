#![allow(clippy::unwrap_used)]

mod scripted;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, advance, sleep, timeout};

use self::scripted::{Call, JumpingClock, Script, TTL, Turn, third};
use super::{LeaseGuard, LeaseGuardOptions, safety_margin};
use crate::{Clock, ErrorKind, Token};

/// TTL less the usual margin: 6 s - 600 ms.
const VALID: Duration = Duration::from_millis(5400);

#[test]
fn the_margin_is_a_tenth_within_bounds() {
    let margin = |millis| safety_margin(Duration::from_millis(millis)).as_millis();
    assert_eq!(margin(30_000), 3000);
    assert_eq!(margin(4000), 500);
    assert_eq!(margin(2000), 500);
    assert_eq!(margin(1000), 250);
    assert_eq!(margin(100), 25);
}

#[tokio::test(start_paused = true)]
async fn renewals_come_every_third_and_keep_it_valid() {
    let script = Script::new([]);
    let guard = script.guard().await.unwrap().unwrap();
    for _ in 0..100 {
        sleep(TTL / 5).await;
        assert!(guard.is_valid());
    }
    let renewals = script.times(Call::Renew);
    assert_eq!(
        renewals.len(),
        59,
        "20 TTLs have 60 thirds, the last at the very end"
    );
    assert!(renewals.windows(2).all(|pair| pair[1] - pair[0] == third()));
    assert!(guard.validity().undisturbed_for() >= TTL * 20);
}

#[tokio::test(start_paused = true)]
async fn failing_renewals_are_repeated_until_the_margin_and_then_it_is_lost() {
    let script = Script::new([]);
    script.then_always(Turn::Fail(ErrorKind::Unavailable));
    let start = Instant::now();
    let guard = script.guard().await.unwrap().unwrap();
    timeout(TTL * 2, guard.lost()).await.unwrap();
    assert_eq!(start.elapsed(), VALID);
    assert!(!guard.is_valid());
    let attempts = script.times(Call::Renew);
    let pauses: Vec<_> = attempts.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(attempts.len() > 5, "{attempts:?}");
    assert!(
        pauses
            .iter()
            .all(|pause| *pause <= TTL / 6 + Duration::from_millis(1)),
        "{pauses:?}"
    );
    sleep(TTL * 2).await;
    assert_eq!(
        script.times(Call::Renew).len(),
        attempts.len(),
        "a lost guard goes on"
    );
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_works_again_in_time_saves_it() {
    let fails = Turn::Fail(ErrorKind::Indeterminate);
    let script = Script::new([fails, fails, fails]);
    let guard = script.guard().await.unwrap().unwrap();
    sleep(TTL * 3).await;
    assert!(guard.is_valid());
    assert!(guard.validity().undisturbed_for() < TTL * 3);
}

#[tokio::test(start_paused = true)]
async fn it_is_lost_at_once_when_the_lease_is_not_held() {
    let script = Script::new([Turn::Fail(ErrorKind::NotHeld)]);
    let start = Instant::now();
    let guard = script.guard().await.unwrap().unwrap();
    timeout(TTL, guard.lost()).await.unwrap();
    assert_eq!(start.elapsed(), third());
}

#[tokio::test(start_paused = true)]
async fn it_is_lost_when_the_renewal_shows_another_token() {
    let script = Script::new([Turn::Token(8)]);
    let guard = script.guard().await.unwrap().unwrap();
    timeout(TTL / 2, guard.lost()).await.unwrap();
    assert!(!guard.is_valid());
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_hangs_is_given_up_in_time_for_another() {
    let script = Script::new([Turn::Hang]);
    let guard = script.guard().await.unwrap().unwrap();
    sleep(TTL * 2).await;
    assert!(guard.is_valid());
    let renewals = script.times(Call::Renew);
    assert!(renewals[1] - renewals[0] < TTL / 2, "{renewals:?}");
}

#[tokio::test(start_paused = true)]
async fn validity_counts_from_before_the_request_was_sent() {
    let slow = Duration::from_millis(900);
    let script = Script::new([Turn::Slow(slow)]);
    script.slow_acquire(slow);
    let clock = script.clock();
    let start = clock.now();
    let guard = script.guard().await.unwrap().unwrap();
    assert_eq!(guard.validity().valid_until(), start + VALID);
    let renewed_at = start + third();
    sleep(third() + Duration::from_millis(100)).await;
    assert_eq!(guard.validity().valid_until(), renewed_at + VALID);
}

#[tokio::test(start_paused = true)]
async fn an_attempt_of_unknown_outcome_is_repeated_with_its_nonce() {
    let script = Script::new([]);
    script.acquires([
        Turn::Fail(ErrorKind::Indeterminate),
        Turn::Fail(ErrorKind::Unavailable),
    ]);
    let start = script.clock().now();
    let guard = script.guard().await.unwrap().unwrap();
    assert_eq!(script.times(Call::Acquire).len(), 3);
    assert_eq!(script.nonces().len(), 1);
    assert_eq!(guard.validity().valid_until(), start + VALID);
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_surely_failed_is_not_repeated() {
    let script = Script::new([]);
    script.acquires([Turn::Fail(ErrorKind::Unavailable)]);
    let error = script.guard().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(script.times(Call::Acquire).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_stays_unknown_ends_with_its_ttl() {
    let script = Script::new([]);
    script.acquires([Turn::Hang]);
    let start = Instant::now();
    let error = script.guard().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Indeterminate);
    assert_eq!(start.elapsed(), TTL);
}

#[tokio::test(start_paused = true)]
async fn a_grant_that_came_too_late_is_given_back() {
    let script = Script::new([]);
    script.slow_acquire(VALID + Duration::from_millis(1));
    let error = script.guard().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(script.released(), [Token::new(7)]);
}

#[tokio::test(start_paused = true)]
async fn a_guard_that_is_dropped_neither_renews_nor_releases() {
    let script = Script::new([]);
    let guard = script.guard().await.unwrap().unwrap();
    let validity = guard.validity();
    drop(guard);
    timeout(Duration::from_millis(1), validity.lost()).await.unwrap();
    assert!(!validity.is_valid());
    sleep(TTL * 2).await;
    assert_eq!(script.times(Call::Renew).len(), 0);
    assert_eq!(script.released(), []);
}

#[tokio::test(start_paused = true)]
async fn release_gives_back_with_the_token_and_stops() {
    let script = Script::new([]);
    let guard = script.guard().await.unwrap().unwrap();
    let validity = guard.validity();
    guard.release().await.unwrap();
    assert!(!validity.is_valid());
    assert_eq!(script.released(), [Token::new(7)]);
    sleep(TTL * 2).await;
    assert_eq!(script.times(Call::Renew).len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_suspended_machine_finds_its_lease_lost_and_no_renewal_revives_it() {
    let script = Script::new([]);
    let clock = JumpingClock::new();
    let guard = script.guard_on(Arc::new(clock.clone())).await.unwrap().unwrap();
    advance(Duration::from_millis(100)).await;
    clock.jump(TTL);
    assert!(!guard.is_valid(), "valid after sleeping for a TTL");
    let revived = guard.renew_now().await;
    assert_eq!(revived.unwrap_err().kind(), ErrorKind::NotHeld);
    assert!(!guard.is_valid());
    timeout(Duration::from_secs(2), guard.lost()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_loss_is_signalled_soon_after_a_suspend_without_any_call() {
    let script = Script::new([]);
    let clock = JumpingClock::new();
    let guard = script.guard_on(Arc::new(clock.clone())).await.unwrap().unwrap();
    // The guard's timer is set now, for a moment that the clock is about to leave far behind.
    sleep(Duration::from_millis(100)).await;
    clock.jump(TTL * 100);
    let start = Instant::now();
    timeout(TTL, guard.lost()).await.unwrap();
    assert!(start.elapsed() <= Duration::from_secs(1));
    assert_eq!(script.times(Call::Renew).len(), 0);
}

#[tokio::test(start_paused = true)]
async fn renewals_set_later_are_joined_by_confirmations_every_third() {
    let script = Script::new([]);
    script.renew_after(TTL * 7 / 10);
    let guard = script.guard().await.unwrap().unwrap();
    sleep(TTL * 7 / 2).await;
    assert!(guard.is_valid());
    assert_eq!(script.times(Call::Renew).len(), 4);
    assert!(
        script.times(Call::Holder).len() >= 8,
        "{:?}",
        script.times(Call::Holder)
    );
    assert!(guard.validity().undisturbed_for() > TTL * 3);
}

#[tokio::test(start_paused = true)]
async fn a_confirmation_that_fails_is_trouble_and_brings_the_renewal_forward() {
    let script = Script::new([]);
    script.renew_after(TTL * 7 / 10);
    script.confirmations([Turn::Fail(ErrorKind::Unavailable)]);
    let guard = script.guard().await.unwrap().unwrap();
    sleep(TTL / 2).await;
    assert_eq!(script.times(Call::Renew).len(), 1);
    assert!(guard.is_valid());
    assert!(guard.validity().undisturbed_for() < TTL / 3);
}

#[tokio::test(start_paused = true)]
async fn a_confirmation_that_shows_a_successor_ends_it_but_an_old_answer_does_not() {
    let script = Script::new([]);
    script.renew_after(TTL * 7 / 10);
    script.confirmations([Turn::Token(6), Turn::Token(8)]);
    let guard = script.guard().await.unwrap().unwrap();
    sleep(TTL / 2).await;
    assert!(guard.is_valid(), "an old answer ended the guard");
    timeout(TTL, guard.lost()).await.unwrap();
    assert_eq!(script.times(Call::Renew).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn renew_now_renews_and_reports_a_lost_lease() {
    let script = Script::new([Turn::Grant, Turn::Fail(ErrorKind::NotHeld)]);
    let guard = script.guard().await.unwrap().unwrap();
    let before = guard.validity().valid_until();
    advance(Duration::from_millis(10)).await;
    guard.renew_now().await.unwrap();
    assert_eq!(guard.validity().valid_until(), before + Duration::from_millis(10));
    let error = guard.renew_now().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotHeld);
    assert!(!guard.is_valid());
}

#[tokio::test(start_paused = true)]
async fn a_margin_that_leaves_no_validity_is_refused() {
    let script = Script::new([]);
    let options = LeaseGuardOptions {
        clock: script.clock(),
        margin: Some(TTL),
    };
    let refused = LeaseGuard::acquire(script.lease(), scripted::request(), options).await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(script.times(Call::Acquire).len(), 0);
}
