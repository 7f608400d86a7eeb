//! Tools, prompts and resources that a program answers.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::backend_calls::{call, failure, with_tools};
use crate::support::gateway::{Gateway, Settings, command};
use crate::support::legacy::Session;
use crate::support::mcp::text_of;
use crate::support::modern::Client;

/// A tool that runs a program.
pub(super) fn program(name: &str, program: &str, args: &[&str], more: Value) -> Value {
    let mut backend = json!({"kind": "command", "program": program, "args": args});
    if let (Value::Object(backend), Value::Object(more)) = (&mut backend, more) {
        backend.extend(more);
    }
    json!({"name": name, "backend": backend})
}

/// A tool that runs a script; what the caller sends as `x` is `$1`.
pub(super) fn script(name: &str, script: &str, more: Value) -> Value {
    program(name, "/bin/sh", &["-c", script, "sh", "${arguments.x}"], more)
}

#[tokio::test]
async fn every_argument_stays_one_argument() {
    let show = r#"for arg in "$@"; do printf '<%s>' "$arg"; done"#;
    let args = [
        "-c",
        show,
        "sh",
        "first",
        "${arguments.x}",
        "--name=${arguments.x}",
        "${arguments.gone}",
        "last",
    ];
    let gateway = with_tools(vec![program("show", "/bin/sh", &args, json!({}))]).await;
    let session = Session::open(&gateway.endpoint).await;
    let long = "x y".repeat(100 * 1024 / 3);
    for x in [
        "plain",
        "two words",
        "",
        "a\nb",
        "\"quoted\" 'too'",
        "$(id) `id` $HOME",
        "; rm -rf / #",
        "&& echo evil || | > /tmp/x < y",
        "-rf",
        "--",
        "*",
        "ünïcödé 日本",
        "\\",
        long.as_str(),
    ] {
        let result = session.tool("show", json!({"x": x})).await;
        assert_eq!(text_of(&result), format!("<first><{x}><--name={x}><last>"));
    }
    let result = call(&gateway, "show", json!({"x": [1, {"a": "b"}]})).await;
    assert_eq!(
        text_of(&result),
        r#"<first><[1,{"a":"b"}]><--name=[1,{"a":"b"}]><last>"#
    );
    let result = call(&gateway, "show", json!({})).await;
    assert_eq!(text_of(&result), "<first><--name=><last>");
}

#[tokio::test]
async fn a_nul_cannot_be_passed() {
    let more = json!({"env": {"VALUE": "${arguments.y}"}});
    let gateway = with_tools(vec![script("show", "echo ran", more)]).await;
    let why = failure(&gateway, "show", json!({"x": "a\u{0}b"})).await;
    assert_eq!(why, "`x` holds a NUL, which cannot be passed to a program");
    let why = failure(&gateway, "show", json!({"y": "\u{0}"})).await;
    assert_eq!(why, "`y` holds a NUL, which cannot be passed to a program");
}

#[tokio::test]
async fn a_program_reads_its_input_from_the_template_or_finds_it_empty() {
    let tools = vec![
        program("fed", "cat", &[], json!({"stdin": "in: ${arguments.x}"})),
        program("alone", "cat", &[], json!({"stdin": "${arguments.x}"})),
        program("closed", "cat", &[], json!({})),
        // Nobody reads this.
        script("deaf", "echo done", json!({"stdin": "${arguments.x}"})),
    ];
    let gateway = with_tools(tools).await;
    let long = "a\u{0}b\n".repeat(30_000);
    let fed = call(&gateway, "fed", json!({"x": long})).await;
    assert_eq!(text_of(&fed), format!("in: {long}"));
    assert_eq!(text_of(&call(&gateway, "alone", json!({})).await), "");
    assert_eq!(
        text_of(&call(&gateway, "closed", json!({"x": "unused"})).await),
        ""
    );
    let params = json!({"x": "long ".repeat(20_000)});
    assert_eq!(text_of(&call(&gateway, "deaf", params).await), "done\n");
}

#[tokio::test]
async fn a_program_gets_a_small_environment() {
    let folder = tempfile::tempdir().unwrap();
    let more = json!({"env": {"GIVEN": "<${arguments.x}>", "LEFT_OUT": "${arguments.gone}", "LANG": "xx"}});
    let tools = json!([program("env", "env", &[], more)]);
    let path = Settings::new()
        .block("mcp", json!({"capabilities": {"tools": tools}}))
        .write(folder.path());
    let mut command = command();
    command
        .arg("--config")
        .arg(path)
        .env("SECRET_OF_THE_GATEWAY", "s3cret")
        .env("AWS_SECRET_ACCESS_KEY", "s3cret")
        .env("LD_PRELOAD_NOT", "s3cret")
        .env("HOME", "/srv/here")
        .env("TZ", "UTC");
    let gateway = Gateway::from_command(command).await;
    let result = call(&gateway, "env", json!({"x": "a b"})).await;
    let variables: BTreeMap<&str, &str> = text_of(&result)
        .lines()
        .filter_map(|line| line.split_once('='))
        .collect();
    assert_eq!((variables["GIVEN"], variables["LANG"]), ("<a b>", "xx"));
    assert_eq!((variables["HOME"], variables["TZ"]), ("/srv/here", "UTC"));
    assert!(variables["PATH"].contains("/bin"));
    let allowed = [
        "PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "GIVEN",
    ];
    for name in variables.keys() {
        assert!(allowed.contains(name), "{variables:?}");
    }
}

#[tokio::test]
async fn a_program_runs_in_its_folder_and_is_found_beside_the_configuration() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("data")).unwrap();
    let tool = folder.path().join("tool.sh");
    std::fs::write(&tool, "#!/bin/sh\npwd\n").unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&tool, mode).unwrap();
    let tools = json!([program("here", "./tool.sh", &[], json!({"cwd": "data"}))]);
    let path = Settings::new()
        .block("mcp", json!({"capabilities": {"tools": tools}}))
        .write(folder.path());
    let gateway = Gateway::from_files(&[&path]).await;
    let result = call(&gateway, "here", json!({})).await;
    let expected = folder.path().canonicalize().unwrap().join("data");
    assert_eq!(text_of(&result).trim_end(), expected.to_str().unwrap());
}

#[tokio::test]
async fn a_program_that_fails_is_a_failure_that_says_why() {
    let tools = vec![
        script("code", "echo out; echo wrong >&2; exit 3", json!({})),
        script("silent", "exit 1", json!({})),
        script("only_out", "echo 'the reason'; exit 1", json!({})),
        script("long", "yes error | head -c 100000 >&2; exit 1", json!({})),
        script("signal", "kill -9 $$", json!({})),
        program("missing", "no-such-program-here", &[], json!({})),
        program("no_folder", "ls", &[], json!({"cwd": "/no/such/folder"})),
    ];
    let gateway = with_tools(tools).await;
    for (name, expected) in [
        ("code", "the program ended with exit code 3:\nwrong"),
        ("silent", "the program ended with exit code 1"),
        ("only_out", "the program ended with exit code 1:\nthe reason"),
        ("signal", "the program was ended by signal 9"),
        (
            "missing",
            "the program cannot be started: No such file or directory (os error 2)",
        ),
        (
            "no_folder",
            "the program cannot be started: No such file or directory (os error 2)",
        ),
    ] {
        assert_eq!(failure(&gateway, name, json!({})).await, expected, "{name}");
    }
    let long = failure(&gateway, "long", json!({})).await;
    assert!(
        long.starts_with("the program ended with exit code 1:\n…"),
        "{long}"
    );
    assert!(long.len() < 2_200, "{}", long.len());
}

#[tokio::test]
async fn output_that_is_no_text_is_shown_as_far_as_it_is() {
    let gateway = with_tools(vec![script("bytes", r"printf 'caf\351'", json!({}))]).await;
    let result = call(&gateway, "bytes", json!({})).await;
    assert_eq!(text_of(&result), "caf\u{fffd}");
    let note = result["content"][1]["text"].as_str().unwrap();
    assert!(note.contains("not valid UTF-8"), "{note}");
}

#[tokio::test]
async fn a_promised_structure_is_read_from_the_output() {
    let mut tool = script("structure", r#"printf '{"n": %s}' "$1""#, json!({}));
    tool["output_schema"] = json!({"type": "object", "properties": {"n": {"type": "integer"}}});
    let gateway = with_tools(vec![tool]).await;
    let result = call(&gateway, "structure", json!({"x": 5})).await;
    assert_eq!(result["structuredContent"], json!({"n": 5}));
    let why = failure(&gateway, "structure", json!({"x": "\"five\""})).await;
    assert!(why.contains("/n: \"five\" is not of type \"integer\""), "{why}");
    let why = failure(&gateway, "structure", json!({"x": "}"})).await;
    assert_eq!(
        why,
        "the result is no JSON, which the output schema of the tool promises"
    );
}

#[tokio::test]
async fn prompts_and_resources_are_answered_by_a_program() {
    let backend = |args: Value| json!({"kind": "command", "program": "echo", "args": args});
    let capabilities = json!({
        "prompts": [{"name": "review", "arguments": [{"name": "topic", "required": true}],
            "backend": backend(json!(["Review:", "${arguments.topic}"]))}],
        "resources": [{"uri": "note://one", "mime_type": "text/plain", "backend": backend(json!(["one"]))}],
        "resource_templates": [{"uri_template": "note://{id}/text", "backend": backend(json!(["--", "${arguments.id}"]))}],
    });
    let gateway = Settings::new()
        .block("mcp", json!({"capabilities": capabilities}))
        .start()
        .await;
    let session = Session::open(&gateway.endpoint).await;
    let client = Client::new(&gateway.endpoint);
    let ask = async |method: &str, params: Value| {
        let legacy = session.result(method, params.clone()).await;
        let modern = client.result(method, params).await;
        assert_eq!(modern["contents"], legacy["contents"], "{method}");
        assert_eq!(modern["messages"], legacy["messages"], "{method}");
        legacy
    };
    let params = json!({"name": "review", "arguments": {"topic": "$(id)"}});
    let prompt = ask("prompts/get", params).await;
    assert_eq!(prompt["messages"][0]["content"]["text"], "Review: $(id)\n");
    let fixed = ask("resources/read", json!({"uri": "note://one"})).await;
    assert_eq!(
        fixed["contents"][0],
        json!({"uri": "note://one", "mimeType": "text/plain", "text": "one\n"})
    );
    let templated = ask("resources/read", json!({"uri": "note://7/text"})).await;
    assert_eq!(templated["contents"][0]["text"], "-- 7\n");
}
