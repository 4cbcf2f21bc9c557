//! Keeps the flow table's knowledge of who listens fresh enough, at the cost of some system calls where flows ask for it.

use std::time::{Duration, Instant};

use crate::kernel::{ListenersError, ListeningSockets};
use crate::table::FlowTable;

/// A server that began to listen within this time may not be known.
const FRESH: Duration = Duration::from_secs(5);

/// Who listens on this machine.
pub(crate) struct Listening {
    /// `None` where the kernel does not say.
    sockets: Option<ListeningSockets>,
    listed: Option<Instant>,
    is_said: bool,
    /// That not all of them are known.
    is_limit_said: bool,
}

impl Listening {
    /// In the network namespace of the calling thread, which has this number; so many sockets and addresses at most. Without it,
    /// weaker evidence tells who began a flow.
    pub(crate) fn open(scope: u32, most: usize) -> Self {
        let mut listening = Self { sockets: None, listed: None, is_said: false, is_limit_said: false };
        match ListeningSockets::open(scope, most) {
            Ok(sockets) => listening.sockets = Some(sockets),
            Err(error) => listening.say(&error),
        }
        listening
    }

    /// Tells the table who listens, if it has flows that ask for it and was not told lately.
    pub(super) fn refresh(&mut self, table: &mut FlowTable) {
        let is_fresh = self.listed.is_some_and(|listed| listed.elapsed() < FRESH);
        if is_fresh || !table.wants_listeners() {
            return;
        }
        let Some(sockets) = &mut self.sockets else { return };
        let (listeners, result) = sockets.list();
        self.say_limit(listeners.left_out());
        table.set_listeners(listeners);
        self.listed = Some(Instant::now());
        if let Err(error) = result {
            self.say(&error);
        }
    }

    /// Once, as [`say`](Self::say).
    fn say_limit(&mut self, left_out: u64) {
        if left_out != 0 && !std::mem::replace(&mut self.is_limit_said, true) {
            tracing::warn!(
                left_out,
                remedy = "raise --memory",
                "not all listening sockets and addresses of this machine find room: who began a flow may be told by weaker evidence"
            );
        }
    }

    /// Once: it is the same each time.
    fn say(&mut self, error: &ListenersError) {
        if !std::mem::replace(&mut self.is_said, true) {
            tracing::warn!(
                cause = %error,
                remedy = ListenersError::REMEDY,
                "who began a flow whose opening was not seen is told by its ports, or the first packet"
            );
        }
    }
}
