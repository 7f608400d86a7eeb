//! A stand-in for a replica: a TCP server that speaks just as much HTTP as a test makes it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::support::deadline::within;

/// The path that tells whether a replica wants requests.
pub(super) const READY_PATH: &str = "/ready";

/// A running replica. It stops, with its connections, with its owner.
pub(super) struct Replica {
    pub(super) address: SocketAddr,
    /// What [`READY_PATH`] answers; 0 is silence.
    ready: Arc<AtomicU16>,
    requests: mpsc::UnboundedReceiver<Exchange>,
    _task: JoinSet<()>,
}

/// A request that waits for what the test answers.
pub(super) struct Exchange {
    /// The request line and the headers.
    pub(super) head: String,
    /// The connection, read up to the end of the head.
    pub(super) stream: TcpStream,
}

/// What a replica does with a request.
#[derive(Clone)]
enum Answers {
    With(&'static str),
    ByTheTest,
}

impl Replica {
    /// A replica that answers every request with its name.
    pub(super) async fn named(name: &'static str) -> Self {
        Self::start(Answers::With(name)).await
    }

    /// A replica whose every request is answered by the test.
    pub(super) async fn scripted() -> Self {
        Self::start(Answers::ByTheTest).await
    }

    /// Sets the status of [`READY_PATH`]; 0 makes it silent.
    pub(super) fn ready(&self, status: u16) {
        self.ready.store(status, Ordering::SeqCst);
    }

    /// The next request.
    pub(super) async fn request(&mut self) -> Exchange {
        let request = within("a request at the replica", self.requests.recv()).await;
        request.expect("the replica runs as long as its owner")
    }

    /// Whether a request has arrived that the test has not taken.
    pub(super) fn has_request(&mut self) -> bool {
        self.requests.try_recv().is_ok()
    }

    async fn start(answers: Answers) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let ready = Arc::new(AtomicU16::new(200));
        let (sender, requests) = mpsc::unbounded_channel();
        let mut task = JoinSet::new();
        let status = Arc::clone(&ready);
        task.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                connections.spawn(serve(
                    stream,
                    answers.clone(),
                    Arc::clone(&status),
                    sender.clone(),
                ));
            }
        });
        Self {
            address,
            ready,
            requests,
            _task: task,
        }
    }
}

impl Exchange {
    /// Sends bytes to the balancer.
    pub(super) async fn write(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).await.unwrap();
    }

    /// Waits for bytes of the request.
    pub(super) async fn expect(&mut self, text: &str) {
        let mut bytes = vec![0; text.len()];
        within("a part of the request", self.stream.read_exact(&mut bytes))
            .await
            .unwrap();
        assert_eq!(String::from_utf8(bytes).unwrap(), text);
    }

    /// Waits until the balancer has closed the connection.
    pub(super) async fn closed(&mut self) {
        within("the end of the connection to the replica", async {
            let mut bytes = [0; 1024];
            while self.stream.read(&mut bytes).await.is_ok_and(|count| count > 0) {}
        })
        .await;
    }
}

async fn serve(
    mut stream: TcpStream,
    answers: Answers,
    ready: Arc<AtomicU16>,
    requests: mpsc::UnboundedSender<Exchange>,
) {
    let Some(head) = read_head(&mut stream).await else {
        return;
    };
    if head.starts_with(&format!("GET {READY_PATH} ")) {
        match ready.load(Ordering::SeqCst) {
            0 => std::future::pending().await,
            status => answer(&mut stream, status, "").await,
        }
        return;
    }
    if let Answers::With(name) = answers {
        answer(&mut stream, 200, name).await;
    } else {
        // A test that ended takes no more requests.
        let _ = requests.send(Exchange { head, stream });
    }
}

async fn answer(stream: &mut TcpStream, status: u16, body: &str) {
    let length = body.len();
    let text = format!("HTTP/1.1 {status} Said\r\ncontent-length: {length}\r\n\r\n{body}");
    // Whoever asked may have left.
    let _ = stream.write_all(text.as_bytes()).await;
}

/// Reads up to the empty line, byte by byte so that the body stays in the connection.
async fn read_head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    String::from_utf8(head).ok()
}
