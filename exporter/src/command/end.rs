//! The end of `run` and `flows`: signals, one deadline for everything, the last words.

use std::fmt::Display;
use std::future::poll_fn;
use std::io::{self, ErrorKind, Write};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};

use crate::agent::{Agent, AgentError, Ending};
use crate::command::Failure;
use crate::flow::Hooks;
use crate::ledger::Ledger;
use crate::pipeline::PipelineError;
use crate::sync::lock;

/// From the wish to end to the exit, whatever hangs. Kubernetes kills after 30 s.
const STOP: Duration = Duration::from_secs(25);
/// Signals that come so soon after the first are the same wish: `timeout` of coreutils tells the process, then its process group.
const SAME_WISH: Duration = Duration::from_millis(500);
/// How long the last words may take: nobody may read them. They are the balance, and the reason of a failure.
pub const LAST_WORDS: Duration = Duration::from_secs(1);

/// The signals that end a command in order.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    /// There was one.
    came: bool,
}

impl Signals {
    /// From now on these signals no longer kill the process.
    pub(super) fn listen() -> Result<Self, Failure> {
        let listen = |kind| {
            signal(kind).map_err(|error| Failure::System(format!("cannot listen for signals: {error}")))
        };
        let (interrupt, terminate) = (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?);
        Ok(Self { interrupt, terminate, came: false })
    }

    /// Resolves with the next of them.
    pub(super) async fn stop(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
        self.came = true;
    }

    /// Forgets those that have come.
    async fn forget(&mut self) {
        poll_fn(|context| {
            let _ = self.interrupt.poll_recv(context);
            let _ = self.terminate.poll_recv(context);
            Poll::Ready(())
        })
        .await;
    }

    /// Waits for an orderly end. A second signal does not, unless it comes with the first.
    pub(super) async fn orderly(
        &mut self,
        ending: impl Future<Output = Result<(), Failure>>,
    ) -> Result<(), Failure> {
        let second = async {
            if !self.came {
                self.stop().await;
            }
            sleep(SAME_WISH).await;
            self.forget().await;
            self.stop().await;
        };
        tokio::select! {
            biased;
            ended = ending => ended,
            () = second => Err(Failure::Interrupted(
                "ended at once by a second signal: there is no balance, and clsact filters stay until the next start"
                    .to_owned(),
            )),
        }
    }
}

/// When an agent that is stopped now has to have ended, so that `after` remains for what comes then.
pub(super) fn deadline(after: Duration) -> Instant {
    Instant::now() + STOP.saturating_sub(2 * LAST_WORDS + after)
}

/// Stops the agent; what it queued may still be on its way.
pub(super) async fn stop(agent: Agent, deadline: Instant) -> Ending {
    spawn_blocking(move || agent.stop(deadline)).await.unwrap_or_else(|_| Ending {
        left: Vec::new(),
        complete: false,
        result: Err(AgentError::Panic),
    })
}

/// Says what was not detached, where every packet went, and what the ledger cannot tell.
pub(super) async fn conclude(
    ending: Ending,
    hooks: Arc<Mutex<Hooks>>,
    ledger: Arc<Ledger>,
    footnote: Option<String>,
) -> Result<(), Failure> {
    let Ending { left, complete, result } = ending;
    let words = spawn_blocking(move || {
        for left in left {
            say(format_args!("not detached: {left}"));
        }
        say(ledger.report(&lock(&hooks), complete));
        if let Some(sentence) = footnote {
            say(sentence);
        }
    });
    let _ = timeout(LAST_WORDS, words).await;
    match result {
        // Whoever read the output has enough of it.
        Err(AgentError::Pipeline(PipelineError::Outlet(error))) if error.kind() == ErrorKind::BrokenPipe => {
            Ok(())
        }
        result => result.map_err(|error| failure(&error)),
    }
}

/// One line on stderr. Nobody is left to tell if that fails.
pub(super) fn say(line: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// The way out for an agent that did not start, or ended by itself.
pub(super) fn failure(error: &AgentError) -> Failure {
    let sentence = error.to_string();
    match error {
        AgentError::GracePeriod(_)
        | AgentError::Load(_)
        | AgentError::Attach(_)
        | AgentError::Thread(_)
        | AgentError::Namespaces(_) => Failure::System(sentence),
        AgentError::Pipeline(PipelineError::Outlet(_)) => Failure::Output(sentence),
        AgentError::Pipeline(PipelineError::Read(_)) | AgentError::Panic | AgentError::Late => {
            Failure::Software(sentence)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::delivery::limits;
    use crate::telemetry::Subject;

    /// What Kubernetes gives unless told otherwise (`terminationGracePeriodSeconds`).
    const GRACE: Duration = Duration::from_secs(30);

    #[test]
    fn everything_that_may_hang_ends_within_the_grace_of_a_supervisor() {
        let now = Instant::now();
        let flush = [Subject::Flows, Subject::Agent].map(|subject| limits(subject).shutdown).iter().sum();
        let worst = deadline(flush) + flush + 2 * LAST_WORDS;
        assert!(worst < now + GRACE, "{:?}", worst - now);
    }
}
