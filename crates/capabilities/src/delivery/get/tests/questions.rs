use super::*;
use crate::calls::{Answered, QuestionAnswer};

fn question(id: &str) -> Said {
    Said::Question {
        id: raw(id),
        method: "elicitation/create".to_owned(),
        params: Some(raw("{\"message\":\"?\"}")),
    }
}

fn answer(text: &str) -> QuestionAnswer {
    QuestionAnswer::Result(raw(text))
}

async fn ask(replica: &Replica, claimed: mcpg_cluster::Version, id: &str, event: &str) -> Appended {
    let mut batch = Batch::new(vec![question(id)], Some(replica.at(claimed, event)));
    replica
        .streams
        .append(&replica.session, &mut batch)
        .await
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn p2_a_question_is_answered_anywhere_once_and_passed_on_by_its_claimant() {
    let fleet = Fleet::new();
    let (a, b) = (fleet.replica("a"), fleet.replica("b"));
    let (_, claimed) = a.claims("s").await;
    ask(&a, claimed, "\"u-1\"", "e1").await;
    let seen = b.attach(1, 0, &b.connection()).await;
    let request: serde_json::Value = serde_json::from_str(seen[0].strip_prefix("1:").unwrap()).unwrap();
    assert_eq!(request["method"], "elicitation/create");
    assert_eq!(request["params"]["message"], "?");
    let mac = MacKey::new([7; 16]);
    let id = SessionQuestion::verify(&mac, &fleet.session, request["id"].as_str().unwrap()).unwrap();
    let session = fleet.session.name();
    let answered = b.streams.answer(session, id, answer("1")).await.unwrap();
    assert!(matches!(answered, Answered::Taken { owner: Some(owner), .. } if owner == a.boot));
    let again = b.streams.answer(session, id, answer("2")).await.unwrap();
    assert!(matches!(again, Answered::Repeated { owner: Some(owner), .. } if owner == a.boot));
    let none = b
        .streams
        .take_answers(session, "up", &b.claimant())
        .await
        .unwrap();
    assert!(none.is_empty(), "only the claimant passes on");
    let taken = a
        .streams
        .take_answers(session, "up", &a.claimant())
        .await
        .unwrap();
    assert_eq!(taken.len(), 1);
    assert_eq!(taken[0].question.get(), "\"u-1\"");
    assert!(matches!(&taken[0].answer, QuestionAnswer::Result(raw) if raw.get() == "1"));
    let again = a
        .streams
        .take_answers(session, "up", &a.claimant())
        .await
        .unwrap();
    assert!(again.is_empty(), "each answer is handed out once");
    assert_eq!(
        b.streams.answer(session, id, answer("3")).await.unwrap(),
        Answered::Late
    );
    let never = SessionQuestion { number: 9 };
    assert_eq!(
        b.streams.answer(session, never, answer("3")).await.unwrap(),
        Answered::Unknown
    );
}

#[tokio::test(start_paused = true)]
async fn a_successor_passes_on_what_its_predecessor_did_not() {
    let fleet = Fleet::new();
    let (a, b) = (fleet.replica("a"), fleet.replica("b"));
    let (_, claimed) = a.claims("s").await;
    ask(&a, claimed, "1", "e1").await;
    let question = SessionQuestion { number: 1 };
    b.streams
        .answer(fleet.session.name(), question, answer("1"))
        .await
        .unwrap();
    fleet.kill(&a);
    b.claims("s").await;
    let late = a
        .streams
        .take_answers(fleet.session.name(), "up", &a.claimant())
        .await;
    assert!(late.unwrap().is_empty());
    let taken = b
        .streams
        .take_answers(fleet.session.name(), "up", &b.claimant())
        .await;
    assert_eq!(taken.unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn open_questions_are_bounded_and_may_be_taken_back() {
    let fleet = Fleet::new();
    let a = fleet.replica("a");
    let (_, claimed) = a.claims("s").await;
    for number in 0..64 {
        let asked = ask(&a, claimed, &number.to_string(), &number.to_string()).await;
        assert!(matches!(asked, Appended::Done { .. }));
    }
    assert_eq!(ask(&a, claimed, "64", "64").await, Appended::TooManyQuestions);
    let session = fleet.session.name();
    a.streams
        .withdraw(session, "up", &raw("7"), &a.claimant())
        .await
        .unwrap();
    assert!(matches!(
        ask(&a, claimed, "64", "64").await,
        Appended::Done { .. }
    ));
    let late = a
        .streams
        .answer(session, SessionQuestion { number: 8 }, answer("1"))
        .await;
    assert_eq!(late.unwrap(), Answered::Late, "the eighth one was taken back");
}
