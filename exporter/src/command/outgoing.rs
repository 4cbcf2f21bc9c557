//! All that leaves the process for receivers, and its end in order.

use std::time::Duration;

use crate::command::Failure;
use crate::command::delivery::{self, Delivery};
use crate::command::telemetry::Running;

/// What delivers flows, and what tells of the agent.
#[derive(Default)]
pub(super) struct Outgoing {
    pub(super) deliveries: Vec<Delivery>,
    pub(super) telemetry: Running,
}

impl Outgoing {
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
