//! Whether the agent is alive, and whether it is ready: a sentence that says why not.

use std::sync::Arc;
use std::time::Duration;

use super::component::{Component, Subject};
use super::sources::Sources;
use crate::clock::MonotonicTime;
use crate::export::Outcome;

/// The thread that reads flows reads several times a second to every 2.5 s. After this long without, it hangs.
const SILENCE: Duration = Duration::from_secs(30);

/// How long a request that did not arrive counts, if none comes after it. While something is due and a receiver is away, the next
/// one is given up sooner: at its age limit, a minute, after a last attempt and a wait. So there is no end to it in an outage, and
/// who has nothing more to send does not wait for ever for a request that would prove the receiver well.
const FAILURE: Duration = Duration::from_mins(2);

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

    /// Whether flows are observed, and what was due lately arrived.
    ///
    /// # Errors
    /// A sentence that says why not.
    pub(super) fn is_ready(&self, now: MonotonicTime) -> Result<(), String> {
        self.is_alive(now)?;
        let Self::Observing(sources) = self else { return Ok(()) };
        if sources.attaching().attached == 0 {
            return Err("no hook is attached, so no flow is observed".to_owned());
        }
        sources.components.iter().try_for_each(|component| delivers(component, now))
    }
}

/// What waits or is tried again is on its way; what was given up has grown too old meanwhile. The agent's own metrics are worth
/// no alarm.
fn delivers(component: &Component, now: MonotonicTime) -> Result<(), String> {
    let Component { signal, endpoint, .. } = component;
    let Some((outcome, at)) = component.tally.settled().last else { return Ok(()) };
    let why = match outcome {
        Outcome::Delivered { .. } => return Ok(()),
        Outcome::Refused => "the receiver refused the last of them for good",
        Outcome::Undelivered => "the last of them grew too old before the receiver took them",
    };
    let age = Duration::from_nanos(now.since(at));
    if component.subject == Subject::Agent || age >= FAILURE {
        return Ok(());
    }
    Err(format!("{} do not arrive at {endpoint}: {why}, {} s ago", signal.plural(), age.as_secs()))
}
