//! `rediss://`, with certificates made for the test.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use mcpg_plugin_sdk::cluster::{Coordinator, Error, ErrorKind, Expect, Key};
use serde_json::{Value, json};

use crate::server::{Server, open_with};

/// Makes an authority and, signed by it, a certificate for 127.0.0.1 that serves both ends.
fn certificates(folder: &Path) {
    let script = "set -e
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority -keyout ca.key -out ca.crt
openssl req -newkey rsa:2048 -nodes -subj /CN=127.0.0.1 -keyout end.key -out end.csr
printf 'subjectAltName=IP:127.0.0.1\\nbasicConstraints=CA:FALSE\\n' > extensions
openssl x509 -req -in end.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile extensions -out end.crt
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=stranger -keyout stranger.key -out stranger.crt";
    let made = Command::new("sh")
        .args(["-c", script])
        .current_dir(folder)
        .output();
    let made = made.expect("a shell starts");
    assert!(
        made.status.success(),
        "install openssl (apt-get install openssl): {}",
        String::from_utf8_lossy(&made.stderr)
    );
}

async fn open(server: &Server, tls: Value) -> Result<Arc<dyn Coordinator>, Error> {
    let url = format!("rediss://127.0.0.1:{}", server.port);
    let settings = json!({ "url": url, "tls": tls });
    open_with(&settings).await
}

#[tokio::test]
async fn tls_checks_both_ends() {
    let folder = tempfile::tempdir().unwrap();
    certificates(folder.path());
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (ca, certificate, key) = (path("ca.crt"), path("end.crt"), path("end.key"));
    let server = Server::start_with_tls(&[
        "--tls-ca-cert-file",
        &ca,
        "--tls-cert-file",
        &certificate,
        "--tls-key-file",
        &key,
        "--tls-auth-clients",
        "yes",
    ]);
    let both = json!({ "ca_cert": ca, "client_cert": certificate, "client_key": key });
    let coordinator = open(&server, both).await.unwrap();
    let key_value = &coordinator.primitives().key_value;
    let written = Key::new("scope", "name");
    key_value
        .put(&written, "value".into(), Expect::Absent, None)
        .await
        .unwrap();

    let wrong = [
        json!({ "ca_cert": ca }),
        json!({ "ca_cert": path("stranger.crt"), "client_cert": certificate, "client_key": key }),
    ];
    for tls in wrong {
        assert!(open(&server, tls.clone()).await.is_err(), "{tls}");
    }
    let missing = open(&server, json!({ "ca_cert": path("nothing") })).await;
    let error = missing.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains("cluster.tls.ca_cert"), "{error}");
}
