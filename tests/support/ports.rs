//! Port numbers for the few tests that must know one before anybody listens on it.

use std::net::{SocketAddr, TcpListener};

/// An address on loopback that was free a moment ago.
///
/// Programs that print the port they got are started on port 0 instead.
pub(crate) fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    listener.local_addr().expect("a bound listener has an address")
}

/// A listener that keeps its port taken for as long as it lives.
pub(crate) fn taken_port() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").expect("loopback has a free port")
}
