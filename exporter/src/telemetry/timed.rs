//! How long an exporter's requests take.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use opentelemetry::KeyValue;
use opentelemetry::metrics::Histogram;
use semconv::attribute;
use semconv::value::error_type;

use crate::export::{Failure, PartialSuccess, Payload, Transport, Verdict};

/// Where durations are recorded, once there is an instrument; every handle has the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Durations(Arc<OnceLock<Instrument>>);

#[derive(Debug)]
struct Instrument {
    histogram: Histogram<f64>,
    exporter: Vec<KeyValue>,
}

impl Durations {
    /// Records from now on, with the exporter's attributes. The first instrument stays.
    pub(super) fn record_in(&self, histogram: Histogram<f64>, exporter: &[KeyValue]) {
        // Another one would be the same instrument of the same provider.
        let _ = self.0.set(Instrument { histogram, exporter: exporter.to_vec() });
    }

    pub(super) fn record(&self, duration: Duration, error: Option<&'static str>) {
        let Some(Instrument { histogram, exporter }) = self.0.get() else { return };
        let error = error.map(|kind| KeyValue::new(attribute::ERROR_TYPE.key, kind));
        let attributes: Vec<_> = exporter.iter().cloned().chain(error).collect();
        histogram.record(duration.as_secs_f64(), &attributes);
    }
}

/// Takes the time of each attempt of a transport.
pub(crate) struct Timed<T> {
    transport: T,
    durations: Durations,
}

impl<T> Timed<T> {
    pub(crate) fn new(transport: T, durations: &Durations) -> Self {
        Self { transport, durations: durations.clone() }
    }
}

impl<T: Transport> Transport for Timed<T> {
    fn endpoint(&self) -> &str {
        self.transport.endpoint()
    }

    async fn send(&mut self, payload: &Payload) -> Result<PartialSuccess, Failure> {
        let start = Instant::now();
        let result = self.transport.send(payload).await;
        self.durations.record(start.elapsed(), result.as_ref().err().map(kind));
        result
    }
}

/// A failure as a value of `error.type`.
fn kind(failure: &Failure) -> &'static str {
    match failure.verdict {
        Verdict::Reject => error_type::REJECTED,
        Verdict::Retry { .. } | Verdict::Halve => error_type::UNDELIVERED,
    }
}
