//! Says once that a receiver is away and once that it is back, however many deliveries go there.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::uri::{Authority, Scheme};

use crate::clock::MonotonicTime;
use crate::export::settings::{Route, Settings};
use crate::export::tls::TlsFiles;
use crate::export::transport::Failure;
use crate::sync::lock;

/// Failed attempts after another delivery was answered from which a delivery has a trouble of its own. The first may have begun
/// before that answer.
const STILL_FAILING: u32 = 2;

/// The receivers of a process: deliveries to the same one share its outages.
#[derive(Clone, Debug, Default)]
pub struct Outages(Arc<Mutex<Vec<Known>>>);

#[derive(Debug)]
struct Known {
    receiver: Receiver,
    shared: Arc<Mutex<Shared>>,
}

/// What makes a receiver another one. Its paths and forms of OTLP do not.
#[derive(Debug, PartialEq, Eq)]
struct Receiver {
    scheme: Option<Scheme>,
    authority: Option<Authority>,
    route: Route,
    tls: TlsFiles,
}

/// What one delivery knows of the outages of its receiver.
#[derive(Debug, Default)]
pub struct Outage {
    receiver: Arc<Mutex<Shared>>,
    delivery: usize,
}

#[derive(Debug, Default)]
struct Shared {
    deliveries: usize,
    current: Option<Current>,
}

/// The outage that there is: from the first failed attempt until all who failed and still have something to say are answered.
#[derive(Debug)]
struct Current {
    since: MonotonicTime,
    attempts: u64,
    undelivered: u64,
    /// A delivery that had failed was answered.
    answered: bool,
    failing: Vec<Failing>,
}

/// A delivery that has failed and was not answered since.
#[derive(Debug)]
struct Failing {
    delivery: usize,
    /// It has a batch that it will try again.
    tries_again: bool,
    /// Failed attempts since another one was answered.
    since_answer: u32,
}

impl Outages {
    /// For a delivery to the receiver of these settings.
    #[must_use]
    pub fn of(&self, settings: &Settings) -> Outage {
        let receiver = Receiver {
            scheme: settings.endpoint.scheme().cloned(),
            authority: settings.endpoint.authority().cloned(),
            route: settings.route.clone(),
            tls: settings.tls.clone(),
        };
        let mut receivers = lock(&self.0);
        let known = receivers.iter().find(|known| known.receiver == receiver);
        let known = known.map(|known| Arc::clone(&known.shared));
        let shared = known.unwrap_or_else(|| {
            let shared = Arc::default();
            receivers.push(Known { receiver, shared: Arc::clone(&shared) });
            shared
        });
        let delivery = {
            let mut shared = lock(&shared);
            shared.deliveries += 1;
            shared.deliveries
        };
        Outage { receiver: shared, delivery }
    }
}

impl Outage {
    /// An attempt failed; the first one of an outage is logged.
    pub(super) fn attempt_failed(&self, endpoint: &str, failure: &Failure, now: MonotonicTime) {
        tracing::debug!(endpoint, cause = failure.cause, "an attempt has failed");
        let mut shared = lock(&self.receiver);
        let current = shared.current.get_or_insert_with(|| {
            tracing::warn!(
                endpoint,
                cause = failure.cause,
                remedy = failure.remedy,
                "the receiver does not take requests; they are kept and sent again until they are too old"
            );
            Current { since: now, attempts: 0, undelivered: 0, answered: false, failing: Vec::new() }
        });
        current.attempts += 1;
        let answered = current.answered;
        let failing = current.failing(self.delivery);
        failing.tries_again = true;
        failing.since_answer += u32::from(answered);
        if answered && failing.since_answer == STILL_FAILING {
            tracing::warn!(
                endpoint,
                cause = failure.cause,
                remedy = failure.remedy,
                "the receiver takes other requests again, and not these"
            );
        }
    }

    /// A batch was given up.
    pub(super) fn batch_lost(&self) {
        if let Some(current) = &mut lock(&self.receiver).current {
            current.undelivered += 1;
            current.failing(self.delivery).tries_again = false;
        }
    }

    /// The receiver answered; if that ends an outage, it is logged. An answer to one who was never denied one says nothing: a
    /// receiver may take one signal and be unable to take another.
    pub(super) fn answered(&self, endpoint: &str, now: MonotonicTime) {
        let mut shared = lock(&self.receiver);
        let Some(current) = &mut shared.current else { return };
        let failing = current.failing.len();
        current.failing.retain(|failing| failing.delivery != self.delivery);
        if current.failing.len() == failing {
            return;
        }
        current.answered = true;
        if current.failing.iter().any(|failing| failing.tries_again) {
            return;
        }
        if let Some(Current { since, attempts, undelivered, .. }) = shared.current.take() {
            let seconds = Duration::from_nanos(now.since(since)).as_secs_f64();
            tracing::info!(
                endpoint,
                seconds,
                failed_attempts = attempts,
                undelivered_batches = undelivered,
                "the receiver answers again"
            );
        }
    }
}

impl Current {
    fn failing(&mut self, delivery: usize) -> &mut Failing {
        let index = self.failing.iter().position(|failing| failing.delivery == delivery);
        let index = index.unwrap_or_else(|| {
            self.failing.push(Failing { delivery, tries_again: false, since_answer: 0 });
            self.failing.len() - 1
        });
        &mut self.failing[index]
    }
}

impl Drop for Outage {
    /// The delivery has ended, and the others do not wait for it.
    fn drop(&mut self) {
        if let Some(current) = &mut lock(&self.receiver).current {
            for failing in current.failing.iter_mut().filter(|failing| failing.delivery == self.delivery) {
                failing.tries_again = false;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::captured::Captured;
    use crate::export::classify::Verdict;
    use crate::export::signal::Signal;

    const NOW: MonotonicTime = MonotonicTime(7);

    fn settings(signal: Signal, variables: &[(&str, &str)]) -> Settings {
        let lookup = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        Settings::read(signal, &lookup).unwrap().unwrap()
    }

    fn fails(outage: &Outage) {
        let failure = Failure { verdict: Verdict::RETRY, cause: "down".to_owned(), remedy: "start it" };
        outage.attempt_failed("http://receiver", &failure, NOW);
    }

    fn answered(outage: &Outage) {
        outage.answered("http://receiver", NOW);
    }

    /// The messages of what two deliveries to one receiver have to say, a letter for each: away, still away, back.
    fn told(what: impl FnOnce(Outage, Outage)) -> String {
        let log = Captured::default();
        tracing::subscriber::with_default(log.subscriber(), || {
            let (outages, receiver) =
                (Outages::default(), [("OTEL_EXPORTER_OTLP_ENDPOINT", "http://receiver:4318")]);
            what(
                outages.of(&settings(Signal::Logs, &receiver)),
                outages.of(&settings(Signal::Metrics, &receiver)),
            );
        });
        let letter = |line: &str| match line {
            line if line.contains("does not take requests") => 'a',
            line if line.contains("and not these") => 's',
            line if line.contains("answers again") => 'b',
            other => panic!("{other}"),
        };
        log.text().lines().map(letter).collect()
    }

    #[test]
    fn an_outage_ends_when_all_who_failed_are_answered() {
        let lines = told(|logs, metrics| {
            for outage in [&logs, &metrics, &logs] {
                fails(outage);
            }
            answered(&logs);
            // It had begun before.
            fails(&metrics);
            answered(&metrics);
            answered(&logs);
        });
        assert_eq!(lines, "ab");
    }

    #[test]
    fn who_has_nothing_more_to_say_is_not_waited_for() {
        let given_up = told(|logs, metrics| {
            fails(&logs);
            fails(&metrics);
            metrics.batch_lost();
            answered(&logs);
            answered(&metrics);
        });
        let ended = told(|logs, metrics| {
            fails(&logs);
            fails(&metrics);
            drop(metrics);
            answered(&logs);
        });
        assert_eq!((given_up.as_str(), ended.as_str()), ("ab", "ab"));
    }

    #[test]
    fn one_signal_that_fails_for_long_is_one_line_whatever_the_other_does() {
        let lines = told(|logs, metrics| {
            for _ in 0..10 {
                fails(&metrics);
                answered(&logs);
                metrics.batch_lost();
                answered(&logs);
            }
            answered(&metrics);
        });
        assert_eq!(lines, "ab");
    }

    #[test]
    fn one_signal_that_stays_away_longer_is_told_once_more() {
        let lines = told(|logs, metrics| {
            fails(&logs);
            fails(&metrics);
            answered(&logs);
            for _ in 0..10 {
                fails(&metrics);
                answered(&logs);
            }
            answered(&metrics);
        });
        assert_eq!(lines, "asb");
    }

    #[test]
    fn receivers_are_told_apart_by_where_they_are_and_how_one_gets_there() {
        let outages = Outages::default();
        let of = |signal, variables: &[(&str, &str)]| outages.of(&settings(signal, variables));
        let endpoint = |value| [("OTEL_EXPORTER_OTLP_ENDPOINT", value)];
        let first = of(Signal::Logs, &endpoint("http://receiver:4318"));
        let same = |other: &Outage| Arc::ptr_eq(&first.receiver, &other.receiver);
        assert!(same(&of(Signal::Metrics, &endpoint("http://receiver:4318"))));
        assert!(same(&of(
            Signal::Metrics,
            &[("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://receiver:4318/otlp/v1/metrics")]
        )));
        for other in ["http://receiver:4319", "http://other:4318", "https://receiver:4318"] {
            assert!(!same(&of(Signal::Metrics, &endpoint(other))), "{other}");
        }
        let through = [endpoint("http://receiver:4318")[0], ("http_proxy", "http://proxy:3128")];
        assert!(!same(&of(Signal::Metrics, &through)));
    }
}
