//! Whether the agent is alive, and whether it is ready: a sentence that says why not.

use std::sync::Arc;
use std::time::Duration;

use super::component::{Component, Subject};
use super::sources::Sources;
use crate::clock::MonotonicTime;
use crate::export::Outcome;

/// The thread that reads flows reads several times a second to every 2.5 s. After this long without, it hangs.
const SILENCE: Duration = Duration::from_secs(30);

/// What the agent's state is judged by.
#[derive(Clone)]
pub(crate) enum Health {
    /// It observes.
    Observing(Arc<Sources>),
    /// It was told to do nothing, and does it well.
    Idle,
}

impl Health {
    /// Whether the kernel was read lately.
    ///
    /// # Errors
    /// A sentence that says since when not.
    pub(super) fn is_alive(&self, now: MonotonicTime) -> Result<(), String> {
        let Self::Observing(sources) = self else { return Ok(()) };
        let silence = Duration::from_nanos(now.since(sources.progress.last_reading()));
        if silence > SILENCE {
            return Err(format!("the kernel's counts were last read {} s ago", silence.as_secs()));
        }
        Ok(())
    }

    /// Whether flows are observed, and what is due arrives.
    ///
    /// # Errors
    /// A sentence that says why not.
    pub(super) fn is_ready(&self, now: MonotonicTime) -> Result<(), String> {
        self.is_alive(now)?;
        let Self::Observing(sources) = self else { return Ok(()) };
        if sources.attaching().attached == 0 {
            return Err("no hook is attached, so no flow is observed".to_owned());
        }
        sources.components.iter().try_for_each(delivers)
    }
}

/// What waits or is tried again is on its way; what was given up has grown too old meanwhile. The agent's own metrics are worth
/// no alarm.
fn delivers(component: &Component) -> Result<(), String> {
    let Component { signal, endpoint, .. } = component;
    let why = match component.tally.settled().last {
        None | Some(Outcome::Delivered { .. }) => return Ok(()),
        Some(Outcome::Refused) => "the receiver refused the last of them for good",
        Some(Outcome::Undelivered) => "the last of them grew too old before the receiver took them",
    };
    match component.subject {
        Subject::Agent => Ok(()),
        Subject::Flows => Err(format!("{} do not arrive at {endpoint}: {why}", signal.plural())),
    }
}
