//! All that leaves the process beside printed flows, and its end in order.

use std::time::Duration;

use crate::command::delivery::{self, Delivery};
use crate::command::telemetry::Running;
use crate::command::{Failure, end};
use crate::outlet::Writer;

/// What the thread that reads flows needs to end once it no longer waits for an output.
pub(super) const HANDING_BACK: Duration = Duration::from_secs(1);

/// What delivers flows, what tells of the agent, what prints metrics.
#[derive(Default)]
pub(super) struct Outgoing {
    pub(super) deliveries: Vec<Delivery>,
    pub(super) telemetry: Running,
    pub(super) console: Option<Writer>,
}

impl Outgoing {
    /// Says where everything goes.
    pub(super) fn announce(&self) {
        self.deliveries.iter().for_each(Delivery::announce);
        self.telemetry.announce();
    }

    /// From now on nobody waits for long for who reads printed metrics.
    pub(super) fn wait_no_longer(&self) {
        if let Some(writer) = &self.console {
            writer.stop_by(end::deadline(HANDING_BACK));
        }
    }

    /// How long its end may take.
    pub(super) fn shutdown(&self) -> Duration {
        let flows = self.deliveries.iter().map(Delivery::shutdown).max().unwrap_or_default();
        flows + self.telemetry.shutdown()
    }

    /// Nothing more comes: waits until everything is delivered or lost, and then says so in the agent's own metrics.
    ///
    /// # Errors
    /// [`Failure::Software`] if a task has panicked.
    pub(super) async fn end(self) -> Result<(), Failure> {
        let delivered = delivery::end(self.deliveries).await;
        delivered.and(self.telemetry.end().await)
    }
}
