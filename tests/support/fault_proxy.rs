//! A TCP proxy in the test's own process that breaks the network between two programs on command.

use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;

use socket2::SockRef;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{JoinHandle, JoinSet};

pub(crate) use super::fault_proxy_counters::Counters;
use super::fault_proxy_counters::Tally;
pub(crate) use super::fault_proxy_relay::Fault;
use super::fault_proxy_relay::relay;

/// How many connections may wait to be accepted.
const BACKLOG: u32 = 1024;

/// A running proxy in front of one address. It stops, with its connections, with its owner.
///
/// A connection that lost bytes in a black hole never carries bytes again: TCP knows no gaps. It
/// stays silent, and is closed as soon as the black hole is over. The others carry on. While the
/// target refuses connections, the proxy accepts them and closes them at once.
pub(crate) struct FaultProxy {
    /// Where to connect instead of to the target.
    pub(crate) address: SocketAddr,
    orders: mpsc::Sender<Order>,
    tally: Arc<Tally>,
    task: JoinHandle<()>,
}

struct Order {
    fault: Fault,
    done: oneshot::Sender<()>,
}

/// What the task of a proxy owns.
struct Gate {
    /// Bound, never listening: keeps the port for the proxy while nobody listens on it.
    reservation: TcpSocket,
    listener: Option<TcpListener>,
    target: SocketAddr,
    fault: watch::Sender<Fault>,
    connections: JoinSet<()>,
    tally: Arc<Tally>,
}

impl FaultProxy {
    /// Starts a proxy that breaks nothing yet.
    pub(crate) fn start(target: SocketAddr) -> Self {
        let reservation = socket(SocketAddr::from(([127, 0, 0, 1], 0)));
        let address = reservation.local_addr().expect("a bound socket has an address");
        let tally = Arc::new(Tally::default());
        let mut gate = Gate {
            reservation,
            listener: None,
            target,
            fault: watch::Sender::new(Fault::None),
            connections: JoinSet::new(),
            tally: Arc::clone(&tally),
        };
        gate.open();
        let (orders, received) = mpsc::channel(1);
        Self {
            address,
            orders,
            tally,
            task: tokio::spawn(gate.run(received)),
        }
    }

    /// Lets everything through from now on.
    pub(crate) async fn ok(&self) {
        self.set(Fault::None).await;
    }

    /// Closes every connection and refuses new ones.
    pub(crate) async fn cut(&self) {
        self.set(Fault::Cut).await;
    }

    /// Lets the bytes of both directions vanish; connections stay, and new ones are accepted.
    pub(crate) async fn blackhole(&self) {
        self.set(Fault::Blackhole).await;
    }

    /// Hands on everything this much later, in each direction, in order and without a limit of speed.
    pub(crate) async fn delay(&self, ms: u64) {
        self.set(Fault::Delay { ms }).await;
    }

    /// What has happened so far.
    pub(crate) fn counters(&self) -> Counters {
        self.tally.counters()
    }

    /// Returns when the fault is in force for whatever is sent from then on.
    async fn set(&self, fault: Fault) {
        let (done, obeyed) = oneshot::channel();
        let sent = self.orders.send(Order { fault, done }).await;
        sent.expect("the proxy runs as long as its owner");
        obeyed.await.expect("the proxy obeys");
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Gate {
    async fn run(mut self, mut orders: mpsc::Receiver<Order>) {
        loop {
            tokio::select! {
                order = orders.recv() => match order {
                    Some(order) => {
                        self.obey(order.fault).await;
                        // A test that ended has nobody waiting.
                        let _ = order.done.send(());
                    }
                    None => return,
                },
                stream = accept(self.listener.as_ref()) => self.take(stream),
                Some(_) = self.connections.join_next() => {}
            }
        }
    }

    async fn obey(&mut self, fault: Fault) {
        self.fault.send_replace(fault);
        if fault == Fault::Cut {
            if let Some(listener) = self.listener.take() {
                refuse(&listener);
            }
            self.tally.cut();
            self.connections.shutdown().await;
        } else if self.listener.is_none() {
            self.open();
        }
    }

    fn open(&mut self) {
        let address = self
            .reservation
            .local_addr()
            .expect("a bound socket has an address");
        let listener = socket(address)
            .listen(BACKLOG)
            .expect("the reserved port is free");
        self.listener = Some(listener);
    }

    fn take(&mut self, client: TcpStream) {
        let fault = self.fault.subscribe();
        let tally = Arc::clone(&self.tally);
        let open = tally.accepted();
        self.connections
            .spawn(relay(client, self.target, fault, tally, open));
    }
}

/// A socket with the address bound. Two of them may share it as long as at most one listens.
fn socket(address: SocketAddr) -> TcpSocket {
    let socket = TcpSocket::new_v4().expect("the system has sockets");
    socket.set_reuseaddr(true).expect("the option is known");
    socket.bind(address).expect("the address is free on loopback");
    socket
}

/// Ends the listening at once.
///
/// Closing is not enough: a process that another thread is just starting has a copy of every socket
/// until it executes its program, and a copy goes on listening.
fn refuse(listener: &TcpListener) {
    let ended = SockRef::from(listener).shutdown(Shutdown::Both);
    ended.expect("a listener can be shut down");
}

async fn accept(listener: Option<&TcpListener>) -> TcpStream {
    let Some(listener) = listener else {
        return std::future::pending().await;
    };
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            return stream;
        }
    }
}
