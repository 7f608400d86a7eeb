//! The README, done as a new user does it.

use std::process::Command;

use crate::support::gateway::executable;
use crate::support::ports::free_address;
use crate::support::processes::Program;
use crate::support::scripts::{SCRIPT_LIMIT, folder};

#[tokio::test]
async fn the_steps_of_the_readme_work_as_they_stand_there() {
    let built = executable();
    let mut command = Command::new(folder().join("scripts/walk.sh"));
    command
        .arg("--built")
        .arg(built.parent().unwrap())
        .args(["--port", &free_address().port().to_string()]);
    let mut walk = Program::start("walk.sh", command);
    let status = walk.exit(SCRIPT_LIMIT).await;
    let output = walk.output();
    assert!(status.success(), "{output}");
    for said in ["✓ mcpg.yaml: valid", "You said: hi", "The walk took"] {
        assert!(output.contains(said), "{said} is missing: {output}");
    }
}
