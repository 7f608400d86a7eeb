use super::*;

#[tokio::test(start_paused = true)]
async fn a_request_is_executed_once_and_answered() {
    let fleet = Fleet::new();
    let (a, b) = (fleet.replica("a").await, fleet.replica("b").await);
    let before = tokio::time::Instant::now();
    let answer = a.mailbox.request(&b.boot, "echo", body("x"), PATIENCE).await;
    assert_eq!(answer.unwrap(), body("x"));
    assert!(before.elapsed() < RESYNC / 20, "by wake-ups alone");
    tokio::time::sleep(RESYNC * 3).await;
    assert_eq!(b.seen.times("x"), 1);
    assert_eq!(
        fleet.mail(&a.boot).await,
        Vec::<String>::new(),
        "the reply is removed"
    );
    assert_eq!(fleet.mail(&b.boot).await.len(), 1, "the mail stays until its ttl");
    tokio::time::sleep(PATIENCE * 2 + Duration::from_secs(60)).await;
    assert_eq!(fleet.mail(&b.boot).await, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn requests_are_counted_by_what_came_of_them() {
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let _counting = metrics::set_default_local_recorder(&recorder);
    let fleet = Fleet::new();
    let (a, b) = (fleet.replica("a").await, fleet.replica("b").await);
    for _ in 0..2 {
        a.mailbox
            .request(&b.boot, "echo", body("x"), PATIENCE)
            .await
            .unwrap();
    }
    let nobody = BootId::new("nobody");
    let refused = a.mailbox.request(&nobody, "echo", body("y"), PATIENCE).await;
    assert!(matches!(refused, Err(Undelivered::Refused)), "{refused:?}");
    let shown = recorder.handle().render();
    for (outcome, count) in [("answered", 2), ("not_started", 1)] {
        let series = format!("mcpg_mailbox_requests_total{{outcome=\"{outcome}\"}} {count}\n");
        assert!(shown.contains(&series), "{shown}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_replica_may_ask_itself() {
    let fleet = Fleet::new();
    let a = fleet.replica("a").await;
    let answer = a.mailbox.request(&a.boot, "echo", body(""), PATIENCE).await;
    assert_eq!(answer.unwrap(), body(""));
}

#[tokio::test(start_paused = true)]
async fn i1_a_request_whose_wake_ups_are_all_lost_is_answered_within_two_resyncs() {
    let fleet = Fleet::new();
    let (a, b) = (fleet.deaf_replica("a").await, fleet.deaf_replica("b").await);
    let before = tokio::time::Instant::now();
    let answer = a.mailbox.request(&b.boot, "echo", body("x"), PATIENCE).await;
    assert_eq!(answer.unwrap(), body("x"));
    assert!(before.elapsed() <= RESYNC * 2);
}

#[tokio::test(start_paused = true)]
async fn i7_a_request_that_nobody_takes_is_refused_for_good() {
    let fleet = Fleet::new();
    let a = fleet.replica("a").await;
    let before = tokio::time::Instant::now();
    let answer = a
        .mailbox
        .request(&BootId::new("b"), "echo", body("x"), PATIENCE)
        .await;
    assert!(matches!(answer, Err(Undelivered::Refused)), "{answer:?}");
    assert!(before.elapsed() < PATIENCE + RESYNC);
    let b = fleet.replica("b").await;
    tokio::time::sleep(RESYNC * 3).await;
    assert_eq!(b.seen.times("x"), 0, "it came too late");
}

#[tokio::test(start_paused = true)]
async fn i7_a_request_to_a_replica_that_is_given_up_is_refused_for_good() {
    let fleet = Fleet::new();
    let a = fleet.replica("a").await;
    let before = tokio::time::Instant::now();
    let given_up = tokio::time::sleep(PATIENCE / 4);
    let answer = a
        .mailbox
        .request_unless(&BootId::new("b"), "echo", body("x"), PATIENCE, given_up)
        .await;
    assert!(matches!(answer, Err(Undelivered::Refused)), "{answer:?}");
    assert!(before.elapsed() < PATIENCE / 2, "it did not wait any longer");
    let b = fleet.replica("b").await;
    tokio::time::sleep(RESYNC * 3).await;
    assert_eq!(b.seen.times("x"), 0, "it came too late");
}

#[tokio::test(start_paused = true)]
async fn i7_a_request_that_was_taken_but_not_answered_in_time_is_unknown() {
    let fleet = Fleet::new();
    let (a, b) = (fleet.replica("a").await, fleet.replica("b").await);
    let answer = a.mailbox.request(&b.boot, "hold", body("x"), PATIENCE).await;
    assert!(matches!(answer, Err(Undelivered::OutcomeUnknown)), "{answer:?}");
    b.seen.gate.add_permits(1);
    tokio::time::sleep(RESYNC * 3).await;
    assert_eq!(b.seen.times("x"), 1);
    assert_eq!(
        fleet.mail(&a.boot).await,
        Vec::<String>::new(),
        "a late reply is nowhere"
    );
}

#[tokio::test(start_paused = true)]
async fn what_a_handler_refuses_or_panics_over_is_told() {
    let fleet = Fleet::new();
    let (a, b) = (fleet.replica("a").await, fleet.replica("b").await);
    let refused = a.mailbox.request(&b.boot, "later", body("x"), PATIENCE).await;
    assert!(matches!(refused, Err(Undelivered::Refused)), "{refused:?}");
    let before = tokio::time::Instant::now();
    let unknown = a.mailbox.request(&b.boot, "panic", body("x"), PATIENCE).await;
    assert!(before.elapsed() < RESYNC / 20);
    assert!(matches!(unknown, Err(Undelivered::OutcomeUnknown)), "{unknown:?}");
    let answer = a.mailbox.request(&b.boot, "echo", body("y"), PATIENCE).await;
    assert_eq!(answer.unwrap(), body("y"), "the replica goes on");
}

#[tokio::test(start_paused = true)]
async fn i11_requests_above_the_limit_wait_in_the_coordinator_and_slow_ones_delay_no_note() {
    let fleet = Fleet::new();
    let (a, b) = (fleet.replica("a").await, fleet.replica("b").await);
    let ask = |kind: &'static str, text: &'static str, patience| {
        let (mailbox, to) = (a.mailbox.clone(), b.boot.clone());
        tokio::spawn(async move { mailbox.request(&to, kind, body(text), patience).await })
    };
    let slow: Vec<_> = (0..4).map(|_| ask("hold", "slow", PATIENCE * 3)).collect();
    eventually("four run", RESYNC, || b.seen.times("slow") == 4).await;
    let impatient = ask("echo", "impatient", RESYNC).await.unwrap();
    assert!(matches!(impatient, Err(Undelivered::Refused)), "{impatient:?}");
    let patient = ask("echo", "patient", PATIENCE);
    a.mailbox.wake(&b.boot, &note("1", 1)).await.unwrap();
    eventually("looked at", RESYNC / 20, || !b.seen.looks.lock().is_empty()).await;
    assert_eq!(b.seen.times("patient"), 0);
    // Away from the resync, so that it is the room which makes it go on.
    tokio::time::sleep(Duration::from_millis(333)).await;
    b.seen.gate.add_permits(4);
    let before = tokio::time::Instant::now();
    assert_eq!(patient.await.unwrap().unwrap(), body("patient"));
    assert!(
        before.elapsed() < RESYNC / 20,
        "it waits for room, not for the resync"
    );
    for request in slow {
        assert_eq!(request.await.unwrap().unwrap(), body("slow"));
    }
    assert_eq!(b.seen.times("impatient"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_mailbox_that_stops_finishes_what_it_executes_and_takes_nothing_more() {
    let fleet = Fleet::new();
    let (a, mut b) = (fleet.replica("a").await, fleet.replica("b").await);
    let (mailbox, to) = (a.mailbox.clone(), b.boot.clone());
    let asked = tokio::spawn(async move { mailbox.request(&to, "hold", body("x"), PATIENCE).await });
    eventually("it runs", RESYNC, || b.seen.times("x") == 1).await;
    b.stop.take().unwrap().send(()).unwrap();
    tokio::time::sleep(RESYNC).await;
    let late = a.mailbox.request(&b.boot, "echo", body("y"), RESYNC).await;
    assert!(matches!(late, Err(Undelivered::Refused)), "{late:?}");
    assert!(!b.running.is_finished());
    b.seen.gate.add_permits(1);
    assert_eq!(asked.await.unwrap().unwrap(), body("x"));
    b.running.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn i7_a_sweep_refuses_what_is_new_and_says_unknown_of_what_is_taken() {
    let fleet = Fleet::new();
    let (a, b, c) = (
        fleet.replica("a").await,
        fleet.replica("b").await,
        fleet.replica("c").await,
    );
    let ask = |kind: &'static str, text: &'static str| {
        let (mailbox, to) = (a.mailbox.clone(), b.boot.clone());
        tokio::spawn(async move { mailbox.request(&to, kind, body(text), PATIENCE).await })
    };
    let taken = ask("hold", "taken");
    eventually("it runs", RESYNC, || b.seen.times("taken") == 1).await;
    b.running.abort();
    let fresh = ask("echo", "fresh");
    tokio::time::sleep(Duration::from_millis(10)).await;
    a.mailbox.wake(&b.boot, &note("1", 1)).await.unwrap();
    let before = tokio::time::Instant::now();
    let mut cursor = None;
    let (mut refused, mut unknown, mut notes) = (0, 0, 0);
    loop {
        let sweep = c.mailbox.answer_for(&b.boot, cursor.as_ref(), 1).await.unwrap();
        refused += sweep.refused;
        unknown += sweep.taken;
        notes += sweep.notes;
        cursor = sweep.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!((refused, unknown, notes), (1, 1, 1));
    let answer = fresh.await.unwrap();
    assert!(matches!(answer, Err(Undelivered::Refused)), "{answer:?}");
    let answer = taken.await.unwrap();
    assert!(matches!(answer, Err(Undelivered::OutcomeUnknown)), "{answer:?}");
    assert!(before.elapsed() < RESYNC / 20, "the sweeper woke the askers");
}

#[tokio::test(start_paused = true)]
async fn i7_what_a_sweep_refused_is_not_executed_by_a_replica_that_was_only_paused() {
    let fleet = Fleet::new();
    let a = fleet.replica("a").await;
    let boot = BootId::new("b");
    let (mailbox, to) = (a.mailbox.clone(), boot.clone());
    let asked = tokio::spawn(async move { mailbox.request(&to, "echo", body("x"), PATIENCE).await });
    tokio::time::sleep(Duration::from_millis(10)).await;
    let swept = fleet.silent("c").answer_for(&boot, None, 10).await.unwrap();
    assert_eq!(swept.refused, 1);
    let b = fleet.replica("b").await;
    tokio::time::sleep(RESYNC * 2).await;
    assert_eq!(b.seen.times("x"), 0);
    assert!(matches!(asked.await.unwrap(), Err(Undelivered::Refused)));
}

#[tokio::test(start_paused = true)]
async fn i7_a_receiver_that_is_started_again_executes_nothing_twice() {
    let fleet = Fleet::new();
    let (a, b) = (fleet.replica("a").await, fleet.replica("b").await);
    let (mailbox, to) = (a.mailbox.clone(), b.boot.clone());
    let asked = tokio::spawn(async move { mailbox.request(&to, "hold", body("x"), PATIENCE).await });
    eventually("it runs", RESYNC, || b.seen.times("x") == 1).await;
    b.running.abort();
    let again = Replica::start(b.mailbox.clone()).await;
    let answer = asked.await.unwrap();
    assert!(matches!(answer, Err(Undelivered::OutcomeUnknown)), "{answer:?}");
    assert_eq!(again.seen.times("x"), 0);
}
