//! Calls whose clients can come back.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::frames::Frames;

/// The frames of a stream that has begun.
async fn frames(outputs: &mut mpsc::Receiver<Output>) -> Frames {
    match outputs.recv().await {
        Some(Output::Frames(frames)) => frames,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn p3_a_lost_client_that_can_come_back_is_asked_all_the_same() {
    let mut rig = rig(Disconnect::RunOn).await;
    rig.driver.session.as_mut().unwrap().streams = Some(Arc::clone(&rig.replica.streams));
    let sink = rig.sink;
    let call = async move {
        let answer = sink.ask("elicitation/create", None).await.unwrap();
        Ok(answer.unwrap())
    };
    drop(rig.outputs);
    let running = tokio::spawn(drive(rig.driver, call, rig.events, rig.controls));
    let calls = &rig.replica.heads.calls;
    let question = QuestionId {
        call: rig.replica.key("1"),
        number: 1,
    };
    // Longer than an executor may be silent.
    sleep(SILENCE * 3).await;
    let answer = Ok::<_, Box<RawValue>>(raw("{}")).into();
    let Answered::Taken { version, .. } = calls.answer(&question, answer).await.unwrap() else {
        panic!("nothing was asked")
    };
    let control = rig.live.find(rig.session.name(), &RequestId::from_number(1));
    let control = control.unwrap();
    control.send(Control::Look(Some(version))).await.unwrap();
    running.await.unwrap();
    let ended = calls.cancel(&rig.replica.key("1")).await.unwrap();
    assert_eq!(ended, Cancelled::Finished);
}

#[tokio::test(start_paused = true)]
async fn c10_a_cancel_of_a_call_with_a_stream_is_only_taken_by_its_head() {
    let mut rig = rig(Disconnect::RunOn).await;
    rig.driver.session.as_mut().unwrap().streams = Some(Arc::clone(&rig.replica.streams));
    let running = tokio::spawn(drive(rig.driver, pending(), rig.events, rig.controls));
    let mut frames = frames(&mut rig.outputs).await;
    assert!(frames.next().await.is_some(), "the priming event");
    let control = rig.live.find(rig.session.name(), &RequestId::from_number(1));
    let control = control.unwrap();
    let (taken, is_taken) = oneshot::channel();
    control.send(Control::Cancel(taken)).await.unwrap();
    assert!(!is_taken.await.unwrap());
    let cancelled = rig
        .replica
        .heads
        .calls
        .cancel(&rig.replica.key("1"))
        .await
        .unwrap();
    let Cancelled::Stopped { version, .. } = cancelled else {
        panic!("{cancelled:?}")
    };
    control.send(Control::Look(Some(version))).await.unwrap();
    running.await.unwrap();
    assert_eq!(frames.next().await, None, "no response");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_says_something_just_before_its_end_says_it_on_a_stream() {
    let mut rig = rig(Disconnect::RunOn).await;
    rig.driver.session.as_mut().unwrap().streams = Some(Arc::clone(&rig.replica.streams));
    let sink = rig.sink;
    let call = async move {
        for _ in 0..3 {
            sink.notify("notifications/progress", None).await;
        }
        Ok(raw("{}"))
    };
    drive(rig.driver, call, rig.events, rig.controls).await;
    let mut frames = frames(&mut rig.outputs).await;
    let mut said = 0;
    while frames.next().await.is_some() {
        said += 1;
    }
    assert_eq!(said, 5, "the place, three notifications, the response");
}
