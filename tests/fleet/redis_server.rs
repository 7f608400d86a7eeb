//! The redis servers that tests are given.

use std::time::Duration;

use tokio::time::timeout;

use crate::support::redis::Redis;

#[tokio::test]
async fn a_durable_server_keeps_over_a_kill_what_the_other_one_forgets() {
    for (redis, kept) in [(Redis::durable().await, "$1"), (Redis::in_memory().await, "$-1")] {
        assert_eq!(redis.command("SET key v").await, "+OK");
        redis.kill();
        redis.restart().await;
        assert_eq!(redis.command("GET key").await, kept);
    }
}

#[tokio::test]
async fn a_frozen_server_answers_when_it_is_thawed() {
    let redis = Redis::in_memory().await;
    redis.freeze();
    let answer = redis.command("PING");
    tokio::pin!(answer);
    let early = timeout(Duration::from_millis(200), &mut answer).await;
    assert!(early.is_err(), "{early:?}");
    redis.thaw();
    assert_eq!(answer.await, "+PONG");
}
