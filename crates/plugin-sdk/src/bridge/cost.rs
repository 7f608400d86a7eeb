//! What crossing the border costs, counted instead of timed: a count is the same on a busy machine.

#![allow(clippy::unwrap_used)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use mcpg_cluster::{Coordinator, Expect, Key};
use mcpg_plugin_abi::{ROption, RResult, RSlice};
use mcpg_single_node::SingleNode;

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: everything is handed on to the system's allocator; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // A thread that ends has no counter any more, and nobody who asks.
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        // SAFETY: the caller keeps the rules of this very function.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the rules of this very function.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What `work` gives, and how often it allocated.
fn counted<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = ALLOCATIONS.with(Cell::get);
    let result = work();
    (result, ALLOCATIONS.with(Cell::get) - before)
}

/// The answer to the only poll that there is.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("the call was not answered by its first poll"),
    }
}

/// One for the key, which the future must own; one for the future; one for the value, which must be a vector.
const A_CROSSING: usize = 3;

#[test]
fn a_get_crosses_with_one_poll_and_three_allocations() {
    let coordinator: Arc<dyn Coordinator> = Arc::new(SingleNode::new());
    let key_value = Arc::clone(&coordinator.primitives().key_value);
    let key = Key::new("sessions", "0123456789abcdef");
    let value = vec![b'x'; 256];
    at_once(key_value.put(&key, value.clone().into(), Expect::Any, None)).unwrap();
    let exported = super::coordinator::export(coordinator);
    let across = || {
        let (scope, name) = (RSlice::from_slice(&key.scope), RSlice::from_slice(&key.name));
        at_once(exported.key_value.get(scope, name))
    };
    // The first call starts the plugin's runtime.
    drop(across());
    let (direct, here) = counted(|| at_once(key_value.get(&key)));
    assert_eq!(direct.unwrap().unwrap().value, value);
    let (answer, there) = counted(across);
    let RResult::ROk(ROption::RSome(entry)) = answer else {
        panic!("the entry is there");
    };
    assert_eq!(entry.value.as_slice(), value);
    assert!(
        there <= here + A_CROSSING,
        "{there} allocations across, {here} in process"
    );
}
