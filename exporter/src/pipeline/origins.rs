//! Asks the network stacks of this machine who began the conversations whose opening was not seen.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::flow::{Hooks, Unopened};
use crate::kernel::{Opening, Stacks};
use crate::sync::lock;
use crate::table::FlowTable;

/// For one reading's flows: some ten thousand answers. Those that have to wait are asked for after the next reading.
pub(super) const BETWEEN_READINGS: Duration = Duration::from_millis(50);
/// After the last one nothing else waits.
pub(super) const AT_THE_END: Duration = Duration::from_secs(2);
/// Flows that wait, at most (1 MiB): more have the next best evidence.
const MOST_WAITING: usize = 1 << 13;

/// Who began, by what others than packets know.
pub(crate) struct Origins {
    stacks: Arc<Mutex<Stacks>>,
    waiting: VecDeque<Unopened>,
}

impl Origins {
    /// Asks these. They may change meanwhile.
    pub(crate) fn of(stacks: Arc<Mutex<Stacks>>) -> Self {
        Self { stacks, waiting: VecDeque::new() }
    }

    /// Tells the table who began these flows, and those that had to wait, as far as it is known. At least one, and no more after
    /// that time.
    pub(super) fn tell(
        &mut self,
        unopened: Vec<Unopened>,
        table: &mut FlowTable,
        hooks: &Hooks,
        within: Duration,
    ) {
        let begin = Instant::now();
        let room = MOST_WAITING.saturating_sub(self.waiting.len());
        self.waiting.extend(unopened.into_iter().take(room));
        let mut stacks = lock(&self.stacks);
        if self.waiting.is_empty() {
            stacks.rest();
            return;
        }
        stacks.refresh();
        let is_last = within == AT_THE_END;
        stacks.list_zones(&self.waiting, hooks, is_last, within);
        let mut later = Vec::new();
        while let Some(unopened) = self.waiting.pop_front() {
            match stacks.opening(&unopened, hooks) {
                Opening::By(opener) => table.set_opener(unopened.network, &opener),
                Opening::Later if !is_last => later.push(unopened),
                Opening::Later | Opening::Unknown => {
                    if let Some(server) = stacks.server(&unopened, hooks) {
                        table.set_server(unopened.network, &server);
                    }
                }
            }
            if begin.elapsed() >= within {
                break;
            }
        }
        self.waiting.extend(later);
    }
}
