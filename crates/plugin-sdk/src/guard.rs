//! The guard around everything that an author wrote: the runtime is entered, and a panic becomes an error.

use std::any::Any;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use mcpg_cluster::{Error, ErrorKind, Result};
use mcpg_plugin_abi::{AbiItem, AbiResult, FfiFuture, ROption, RResult};

use crate::{convert, runtime};

/// A call of the contract, and what a panic in it may have left behind.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Call {
    /// It changes nothing.
    Read(&'static str),
    /// It may have had its effect.
    Write(&'static str),
}

impl Call {
    fn panicked(self, payload: &(dyn Any + Send)) -> Error {
        let (kind, name) = match self {
            Self::Read(name) => (ErrorKind::Unavailable, name),
            Self::Write(name) => (ErrorKind::Indeterminate, name),
        };
        let text = payload.downcast_ref::<&str>().copied();
        let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        Error::new(kind, "the plugin panicked")
            .with_context("call", name)
            .with_context("panic", text.unwrap_or("no text"))
    }
}

/// Runs a function of the author that answers at once.
pub(crate) fn run<T>(call: Call, function: impl FnOnce() -> Result<T>) -> AbiResult<T> {
    let entered = runtime::enter();
    let result = catch_unwind(AssertUnwindSafe(function));
    drop(entered);
    let result = result.unwrap_or_else(|payload| {
        let error = call.panicked(&*payload);
        discard(payload);
        Err(error)
    });
    convert::result(result)
}

/// Makes a future of the author fit for the border.
pub(crate) fn future<F>(call: Call, future: F) -> FfiFuture<<F::Output as Outcome>::Abi>
where
    F: Future + Send + 'static,
    F::Output: Outcome,
{
    FfiFuture::new(Guarded {
        call,
        future: Some(ManuallyDrop::new(future)),
    })
}

/// Drops something of the author.
pub(crate) fn discard<T>(thing: T) {
    let entered = runtime::enter();
    let outcome = catch_unwind(AssertUnwindSafe(|| drop(thing)));
    drop(entered);
    if let Err(payload) = outcome {
        tracing::error!(message = "A destructor of the plugin panicked.");
        // The payload could panic in its own destructor, so it is never dropped.
        std::mem::forget(payload);
    }
}

/// Holds something of the author's and drops it under guard.
pub(crate) struct Held<T>(ManuallyDrop<T>);

impl<T> Held<T> {
    pub(crate) fn new(thing: T) -> Self {
        Self(ManuallyDrop::new(thing))
    }
}

impl<T> std::ops::Deref for Held<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> Drop for Held<T> {
    fn drop(&mut self) {
        // SAFETY: this is the only place that takes it out, and `self` is never used again.
        discard(unsafe { ManuallyDrop::take(&mut self.0) });
    }
}

/// What a guarded future ends with.
pub(crate) trait Outcome {
    /// The form that crosses the border.
    type Abi;
    /// Makes the ordinary outcome cross.
    fn into_abi(self) -> Self::Abi;
    /// The outcome after a panic.
    fn failed(error: Error) -> Self::Abi;
}

impl<T> Outcome for Result<T> {
    type Abi = AbiResult<T>;

    fn into_abi(self) -> Self::Abi {
        convert::result(self)
    }

    fn failed(error: Error) -> Self::Abi {
        convert::result(Err(error))
    }
}

impl Outcome for Option<Result<AbiItem>> {
    type Abi = ROption<AbiResult<AbiItem>>;

    fn into_abi(self) -> Self::Abi {
        self.map(convert::result).into()
    }

    fn failed(error: Error) -> Self::Abi {
        ROption::RSome(RResult::RErr(convert::error(&error)))
    }
}

struct Guarded<F> {
    call: Call,
    /// `None` once it is dropped, which happens as soon as it has answered.
    future: Option<ManuallyDrop<F>>,
}

impl<F> Guarded<F> {
    /// Drops the future where it lies. The runtime has been entered.
    fn finish(self: Pin<&mut Self>) {
        // SAFETY: nothing is moved out of the pinned future; it is dropped in place.
        let slot = unsafe { &mut self.get_unchecked_mut().future };
        let Some(future) = slot.as_mut() else { return };
        // SAFETY: the slot is emptied below without dropping what lies in it, so this happens once.
        let outcome = catch_unwind(AssertUnwindSafe(|| unsafe { ManuallyDrop::drop(future) }));
        *slot = None;
        if let Err(payload) = outcome {
            tracing::error!(message = "A call of the plugin panicked when it was let go.");
            // The payload could panic in its own destructor, so it is never dropped.
            std::mem::forget(payload);
        }
    }
}

impl<F> Future for Guarded<F>
where
    F: Future,
    F::Output: Outcome,
{
    type Output = <F::Output as Outcome>::Abi;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let call = self.call;
        let entered = runtime::enter();
        // SAFETY: the future is pinned with its owner; it is never moved out, and dropped in place.
        let slot = unsafe { self.as_mut().map_unchecked_mut(|guarded| &mut guarded.future) };
        let Some(future) = slot.as_pin_mut() else {
            // Whoever polls after the answer breaks the rules of futures; there is nothing that could answer.
            return Poll::Pending;
        };
        // SAFETY: `ManuallyDrop` is only a mark; what lies in it is pinned with it.
        let future = unsafe { future.map_unchecked_mut(|future| &mut **future) };
        let polled = catch_unwind(AssertUnwindSafe(|| future.poll(context)));
        let answer = match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(outcome)) => outcome.into_abi(),
            Err(payload) => {
                let error = call.panicked(&*payload);
                discard(payload);
                F::Output::failed(error)
            }
        };
        // Now, and not when the host lets go: the runtime would have to be entered once more.
        self.finish();
        drop(entered);
        Poll::Ready(answer)
    }
}

impl<F> Drop for Guarded<F> {
    fn drop(&mut self) {
        if self.future.is_none() {
            return;
        }
        let entered = runtime::enter();
        // SAFETY: `self` is never moved again.
        unsafe { Pin::new_unchecked(self) }.finish();
        drop(entered);
    }
}
