//! A question was asked, and then the connection was lost.

use http::StatusCode;
use serde_json::json;

use crate::support::fleet::FleetSettings;
use crate::support::following::{Following, last_id, messages};
use crate::support::legacy::Session;
use crate::support::mcp::text_of;
use crate::support::upstream::Upstream;

#[tokio::test]
async fn p3_a_client_that_lost_its_connection_resumes_and_answers_at_other_replicas() {
    let upstream = Upstream::legacy().await;
    let fleet = FleetSettings::in_front_of(&upstream.url()).start().await;
    let [a, b, c] = &fleet.each();
    let session = Session::open_with(a, json!({"elicitation": {"form": {}}})).await;
    for (number, heard) in [true, false].into_iter().enumerate() {
        let id = json!(format!("p3 {number}"));
        let arguments = json!({"question": "which?", "tag": id});
        let mut call = Following::call(&session, &id, "ask", arguments).await;
        call.next().await;
        if heard {
            call.read_messages(1).await;
        }
        // Where the question was not heard before, it is the first thing that the resumption brings.
        let first = call.cut();
        let mut resumed = Following::resume(&session.at(c), &last_id(&first)).await;
        let question = match messages(&first).first() {
            Some((_, question)) => question.clone(),
            None => {
                resumed.read_messages(1).await;
                messages(&resumed.seen)[0].1.clone()
            }
        };
        assert_eq!(question["method"], "elicitation/create");
        let answer = json!({"action": "accept", "content": {"answer": "blue"}});
        assert_eq!(
            session.at(b).respond(&question, answer).await,
            StatusCode::ACCEPTED
        );
        let events = resumed.finish().await;
        let (_, response) = messages(&events).last().unwrap().clone();
        assert_eq!(response["id"], id);
        assert!(text_of(&response["result"]).contains("blue"), "{response}");
        let counts = upstream.counts("ask", id.as_str().unwrap()).await;
        assert_eq!((counts.started, counts.completed), (1, 1));
    }
}
