//! Asks connection tracking who opened the connections that were there before the agent.

use std::time::{Duration, Instant};

use crate::kernel::{Conntrack, ConntrackError};
use crate::table::FlowTable;

/// For one reading's flows: some thousand answers. Flows that are not asked for have the next best evidence.
const WITHIN: Duration = Duration::from_millis(50);

/// The connection tracking of the agent's own network namespace.
#[derive(Default)]
pub(crate) struct Origins {
    /// Once there was something to ask.
    conntrack: Option<Conntrack>,
    /// It does not answer, and that was said.
    is_given_up: bool,
}

impl Origins {
    /// Tells the table who opened its new connections whose opening was not seen, as far as it is known. On a thread in the agent's
    /// own network namespace.
    pub(super) fn refresh(&mut self, table: &mut FlowTable) {
        let unopened = table.take_unopened();
        if unopened.is_empty() || self.is_given_up || !Conntrack::is_tracking() {
            return;
        }
        let begin = Instant::now();
        for packets in unopened {
            if begin.elapsed() >= WITHIN {
                return;
            }
            match self.conntrack().and_then(|conntrack| conntrack.opener(&packets)) {
                Ok(opener) => opener.into_iter().for_each(|opener| table.set_opener(&opener)),
                Err(error) => return self.give_up(&error),
            }
        }
    }

    fn conntrack(&mut self) -> Result<&mut Conntrack, ConntrackError> {
        let conntrack = match self.conntrack.take() {
            Some(conntrack) => conntrack,
            None => Conntrack::open()?,
        };
        Ok(self.conntrack.insert(conntrack))
    }

    /// It would be the same each time.
    fn give_up(&mut self, error: &ConntrackError) {
        self.is_given_up = true;
        tracing::warn!(
            cause = %error,
            remedy = ConntrackError::REMEDY,
            "who began a flow whose opening was not seen is told without connection tracking"
        );
    }
}
