//! The agent's own metrics on their way out: encoded, compressed and queued as those of flows are.

use std::future::{Future, ready};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::metrics::{self, PeriodicReader};
use prost::Message;

use crate::accounts::lost_metrics;
use crate::clock::Clock;
use crate::export::{Batch, Compressor, MetricsSettings, Queue};
use crate::flow::{RecordCounts, Temporality};
use crate::sync::lock;

/// Takes what the SDK collects and puts it into a queue, which a delivery task empties. So certificates, tokens, attempts and
/// the end are the same as for all else that is exported, and the SDK's thread never waits for a receiver.
pub(crate) struct Push {
    queue: Arc<Queue>,
    compressor: Mutex<Compressor>,
    settings: MetricsSettings,
}

impl Push {
    pub(crate) fn new(queue: &Arc<Queue>, compressor: Compressor, settings: MetricsSettings) -> Self {
        Self { queue: Arc::clone(queue), compressor: Mutex::new(compressor), settings }
    }

    /// What collects for it from time to time, in a thread of the SDK.
    pub(super) fn reader(self) -> PeriodicReader<Self> {
        let interval = self.settings.interval;
        PeriodicReader::builder(self).with_interval(interval).build()
    }

    fn enqueue(&self, metrics: &ResourceMetrics) {
        let request = ExportMetricsServiceRequest::from(metrics);
        let records = u32::try_from(points(&request)).unwrap_or(u32::MAX);
        let payload = lock(&self.compressor).compress(request.encode_to_vec());
        let created = Clock::now().monotonic();
        let lost = self.queue.push(Batch { payload, records, accounted: RecordCounts::default(), created });
        if self.settings.temporality == Temporality::Delta {
            lost.iter().for_each(lost_metrics);
        }
    }
}

impl PushMetricExporter for Push {
    fn export(&self, metrics: &ResourceMetrics) -> impl Future<Output = OTelSdkResult> + Send {
        self.enqueue(metrics);
        ready(Ok(()))
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    /// The queue's owner ends the queue.
    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }

    fn temporality(&self) -> metrics::Temporality {
        match (self.settings.temporality, self.settings.asynchronous) {
            (Temporality::Cumulative, _) => metrics::Temporality::Cumulative,
            (Temporality::Delta, Temporality::Cumulative) => metrics::Temporality::LowMemory,
            (Temporality::Delta, Temporality::Delta) => metrics::Temporality::Delta,
        }
    }
}

fn points(request: &ExportMetricsServiceRequest) -> usize {
    let scopes = request.resource_metrics.iter().flat_map(|resource| &resource.scope_metrics);
    let data = scopes.flat_map(|scope| &scope.metrics).filter_map(|metric| metric.data.as_ref());
    data.map(|data| match data {
        Data::Gauge(gauge) => gauge.data_points.len(),
        Data::Sum(sum) => sum.data_points.len(),
        Data::Histogram(histogram) => histogram.data_points.len(),
        Data::ExponentialHistogram(histogram) => histogram.data_points.len(),
        Data::Summary(summary) => summary.data_points.len(),
    })
    .sum()
}
