//! Programs, played by the shell.

use mcpg_config::app::CommandTransport;

use super::super::child::Program;
use super::super::{ClientProfile, Status, UpstreamError, Via};
use super::reports::Reports;
use super::*;

/// Answers a few requests; `$1` is what it does about `server/discover`.
const SERVER: &str = r#"
say() { printf '{"jsonrpc":"2.0","id":%s,%s}\n' "$id" "$1"; }
while IFS= read -r line; do
  id=${line#*\"id\":}; id=${id%%,*}
  case $line in
    *'"server/discover"'*) eval "$1" ;;
    *'"initialize"'*) say '"result":{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"sh","version":"1"}}' ;;
    *'"tools/list"'*) say "\"result\":{\"tools\":[{\"name\":\"process-$$\"}]}" ;;
    *'"ping"'*) say '"result":{}' ;;
    *'"tools/call"'*) eval "$2" ;;
  esac
done
"#;

fn program(arguments: &[&str]) -> Program {
    let command = CommandTransport {
        program: "sh".into(),
        args: arguments.iter().map(|&argument| argument.to_owned()).collect(),
        env: [].into(),
        cwd: None,
    };
    Program::new("up", &command).unwrap()
}

fn upstream_of(program: Program) -> Arc<Upstream> {
    let mut settings = settings("127.0.0.1:1".parse().unwrap());
    settings.transport = TransportSettings::Child(Arc::new(program));
    // Starting a process takes its time on a busy machine.
    settings.timing.patience = Duration::from_secs(5);
    Upstream::new(settings, Mint::new("boot")).unwrap()
}

/// A server that does `discover` about `server/discover` and `call` about a call.
fn server(discover: &str, call: &str) -> Arc<Upstream> {
    upstream_of(program(&["-c", SERVER, "sh", discover, call]))
}

const UNKNOWN: &str = r#"say '"error":{"code":-32601,"message":"no method"}'"#;

fn profile() -> ClientProfile {
    ClientProfile {
        version: ProtocolVersion::V2025_11_25,
        capabilities: Arc::from(raw(&json!({}))),
        client_info: None,
    }
}

#[tokio::test]
async fn a_legacy_program_is_recognised_by_an_error_a_silence_or_its_end() {
    for discover in [UNKNOWN, ":", "exit 4"] {
        let upstream = server(discover, ":");
        let _running = supervise(&upstream);
        let state = up(&upstream).await;
        let offer = state.legacy.as_ref().expect("a legacy server");
        assert!(state.modern.is_none(), "{discover}");
        assert_eq!(offer.tools.len(), 1, "{discover}");
    }
}

#[tokio::test]
async fn what_a_program_ends_with_is_its_cause_of_death() {
    let reports = Reports::collect();
    let upstream = upstream_of(program(&["-c", "echo no licence >&2; exit 9"]));
    let _running = supervise(&upstream);
    let state = state_when(&upstream, |state| state.status.is_down()).await;
    let Status::Down { cause, .. } = &state.status else {
        panic!("{state:?}")
    };
    assert_eq!(
        cause,
        "program sh exited with status 9; its last line was: no licence"
    );
    assert_eq!(reports.count("An upstream is down."), 1);
}

#[tokio::test]
async fn several_messages_in_one_line_are_several_messages() {
    let call = r#"printf '[{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":1}},{"jsonrpc":"2.0","id":%s,"result":{"b":1}}]\n' "$id""#;
    let upstream = server(UNKNOWN, call);
    let session = upstream.open(&profile()).await.unwrap();
    let (caller, mut events) = legacy_caller();
    let outgoing = super::call(&json!({}));
    let outcome = upstream.request(Via::Session(&session), &outgoing, &caller);
    assert_eq!(text(outcome.await.unwrap()), json!({"b": 1}));
    assert!(
        matches!(events.try_recv(), Ok(Event::Notification { method, .. }) if method == "notifications/message")
    );
    assert!(upstream.close(&session).await);
}

#[tokio::test]
async fn a_program_that_ends_over_a_call_leaves_its_outcome_unknown() {
    let upstream = server(UNKNOWN, "exit 5");
    let session = upstream.open(&profile()).await.unwrap();
    let (caller, _events) = legacy_caller();
    let outcome = upstream
        .request(Via::Session(&session), &call(&json!({})), &caller)
        .await;
    assert!(
        matches!(&outcome, Err(UpstreamError::Lost { cause }) if cause == "program sh exited with status 5"),
        "{outcome:?}"
    );
    // The next one surely does not reach it.
    let outcome = upstream
        .request(Via::Session(&session), &call(&json!({})), &caller)
        .await;
    assert!(matches!(outcome, Err(UpstreamError::SessionGone)), "{outcome:?}");
}

#[tokio::test]
async fn no_more_processes_are_started_than_the_machine_can_bear() {
    let upstream = server(UNKNOWN, ":");
    let client = profile();
    let opened = (0..super::super::child::MOST).map(|_| upstream.open(&client));
    let opened = futures_util::future::join_all(opened).await;
    assert!(opened.iter().all(Result::is_ok));
    let refused = upstream.open(&client).await.expect_err("there is no room");
    assert_eq!(
        refused.to_string(),
        "100 of its processes run already, one for each client session; `session.mode: shared` needs one"
    );
    let closed = opened.iter().flatten().map(|session| upstream.close(session));
    assert!(
        futures_util::future::join_all(closed)
            .await
            .into_iter()
            .all(|closed| closed)
    );
    assert!(upstream.open(&client).await.is_ok());
}
