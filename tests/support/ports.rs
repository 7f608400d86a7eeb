//! Port numbers for the few tests that must know one before anybody listens on it.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process;
use std::sync::atomic::{AtomicU16, Ordering};

/// Ports below those that the kernel gives out by itself (32768 and up by default): what is free there stays free,
/// while a port of the kernel's own range may go to any other connection before it is used.
const RANGE: std::ops::Range<u16> = 15_000..30_000;

/// An address on loopback on which nobody listens, and which nobody gets by chance.
///
/// Programs that print the port they got are started on port 0 instead.
pub(crate) fn free_address() -> SocketAddr {
    free_addresses(1)[0]
}

/// Several such addresses, whose ports follow each other.
pub(crate) fn free_addresses(count: u16) -> Vec<SocketAddr> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let width = RANGE.end - RANGE.start;
    // Another run of these tests at the same time begins somewhere else.
    let start = u16::try_from(process::id() % u32::from(width)).expect("it is below the width");
    (0..width)
        .map(|_| (start + NEXT.fetch_add(count, Ordering::Relaxed) % width) % width + RANGE.start)
        .filter(|first| first + count <= RANGE.end)
        .map(|first| (first..first + count).map(on_loopback).collect::<Vec<_>>())
        .find(|addresses| addresses.iter().all(|address| TcpListener::bind(address).is_ok()))
        .expect("loopback has free ports")
}

fn on_loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// A listener that keeps its port taken for as long as it lives.
pub(crate) fn taken_port() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").expect("loopback has a free port")
}
