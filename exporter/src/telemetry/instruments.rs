//! The instruments of the agent's own metrics: each observes what a stage keeps, when somebody collects.

use std::path::Path;
use std::sync::Arc;

use opentelemetry::KeyValue;
use opentelemetry::metrics::Meter;
use semconv::value::{
    error_type, flow_exporter_kernel_map_name as map_name, flow_exporter_memory_kind as memory_kind,
};
use semconv::{Instrument, Metric, attribute, metric};

use super::component::Component;
use super::sources::Sources;
use super::{memory, repeated};
use crate::export::{Fill, Signal};
use crate::kernel;
use crate::ledger::LossReason;
use crate::pipeline::{DropFate, Fate, Stage};

/// Takes a value of a series.
type Put<'a> = &'a mut dyn FnMut(u64, &[KeyValue]);
/// Gives the values of all series of a metric.
type Observe = fn(&Sources, Put<'_>);

/// Bounds in seconds: from a receiver on the same machine to the time limit of a request.
const OPERATION_BOUNDS: [f64; 11] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 10.0];

/// All metrics that are observed, but [`metric::FLOW_EXPORTER_STAGE_TIME`], which is no integer. The first looks at the ledger for those after it:
/// the SDK observes in the order of registration.
const INTEGERS: [(Metric, Observe); 31] = [
    (metric::FLOW_EXPORTER_PACKET_SEEN, |sources, put| put(sources.look().seen.packets, &[])),
    (metric::FLOW_EXPORTER_PACKET_NOT_IP, |sources, put| put(sources.seen_last().not_ip.packets, &[])),
    (metric::FLOW_EXPORTER_PACKET_FILTERED, |sources, put| put(sources.seen_last().filtered.packets, &[])),
    (metric::FLOW_EXPORTER_PACKET_SAMPLED_OUT, |sources, put| {
        put(sources.seen_last().sampled_out.packets, &[]);
    }),
    (metric::FLOW_EXPORTER_PACKET_PATH, |sources, put| put(sources.seen_last().path.packets, &[])),
    (metric::FLOW_EXPORTER_PACKET_TABLE, |sources, put| put(sources.seen_last().table.packets, &[])),
    (metric::FLOW_EXPORTER_PACKET_QUEUED, |sources, put| put(sources.seen_last().queued.packets, &[])),
    (metric::FLOW_EXPORTER_PACKET_DELIVERED, |sources, put| put(sources.seen_last().delivered.packets, &[])),
    (metric::FLOW_EXPORTER_PACKET_LOST, |sources, put| {
        let row = sources.seen_last();
        for (reason, lost) in LossReason::ALL.into_iter().zip(row.lost) {
            put(lost.packets, &[error(reason.name())]);
        }
    }),
    (metric::FLOW_EXPORTER_HOOK_ATTACHED, |sources, put| put(sources.attaching().attached, &[])),
    (metric::FLOW_EXPORTER_HOOK_FAILED, |sources, put| {
        for (failure, times) in kernel::Failure::ALL.into_iter().zip(sources.attaching().failures) {
            put(times, &[error(failure.name())]);
        }
    }),
    (metric::FLOW_EXPORTER_INTERFACE_OVERRUN, |sources, put| put(sources.attaching().overruns, &[])),
    (metric::FLOW_EXPORTER_KERNEL_READING, |sources, put| put(sources.progress.readings(), &[])),
    (metric::FLOW_EXPORTER_KERNEL_MAP_USAGE, |sources, put| {
        put(sources.progress.observations(), &[map(map_name::OBSERVATIONS)]);
        put(sources.progress.losses(), &[map(map_name::LOSSES)]);
    }),
    (metric::FLOW_EXPORTER_KERNEL_MAP_LIMIT, |sources, put| {
        put(sources.progress.limits().observations, &[map(map_name::OBSERVATIONS)]);
        put(sources.progress.limits().losses, &[map(map_name::LOSSES)]);
    }),
    (metric::FLOW_EXPORTER_PAYLOAD_COUNT, |sources, put| {
        for fate in Fate::ALL {
            let name = KeyValue::new(attribute::FLOW_EXPORTER_PAYLOAD_FATE.key, fate.name());
            put(sources.progress.payloads(fate), &[name]);
        }
    }),
    (metric::FLOW_EXPORTER_DROP_COUNT, |sources, put| {
        for fate in DropFate::ALL {
            let name = KeyValue::new(attribute::FLOW_EXPORTER_DROP_FATE.key, fate.name());
            put(sources.progress.drops(fate), &[name]);
        }
    }),
    (metric::FLOW_EXPORTER_FLOW_COUNT, |sources, put| put(sources.progress.flows(), &[])),
    (metric::FLOW_EXPORTER_FLOW_LIMIT, |sources, put| put(sources.progress.limits().flows, &[])),
    (metric::FLOW_EXPORTER_MEMORY_USAGE, |_, put| {
        let process = Path::new("/proc/self");
        for (kind, bytes) in [
            (memory_kind::ANONYMOUS, memory::anonymous(process)),
            (memory_kind::KERNEL_MAPS, memory::kernel_maps(process)),
        ] {
            if let Some(bytes) = bytes {
                put(bytes, &[KeyValue::new(attribute::FLOW_EXPORTER_MEMORY_KIND.key, kind)]);
            }
        }
    }),
    (metric::FLOW_EXPORTER_MEMORY_LIMIT, |sources, put| put(sources.progress.limits().memory, &[])),
    (metric::FLOW_EXPORTER_FEATURE_AVAILABLE, |sources, put| {
        for (feature, is_there) in sources.features() {
            let name = KeyValue::new(attribute::FLOW_EXPORTER_FEATURE_NAME.key, feature.name());
            put(u64::from(is_there), &[name]);
        }
    }),
    (metric::FLOW_EXPORTER_QUEUE_USAGE, |sources, put| {
        for component in &sources.components {
            put(component.queue.fill().bytes as u64, component.queueing());
        }
    }),
    (metric::FLOW_EXPORTER_QUEUE_LIMIT, |sources, put| {
        for component in &sources.components {
            put(component.queue.capacity() as u64, component.queueing());
        }
    }),
    (metric::FLOW_EXPORTER_LOG_SUPPRESSED, |_, put| put(repeated::suppressed(), &[])),
    (metric::OTEL_SDK_PROCESSOR_LOG_QUEUE_SIZE, |sources, put| {
        for component in of(sources, Signal::Logs) {
            put(component.queue.fill().records, component.queueing());
        }
    }),
    (metric::OTEL_SDK_PROCESSOR_LOG_PROCESSED, |sources, put| {
        for component in of(sources, Signal::Logs) {
            let Fill { taken_records, displaced_records, .. } = component.queue.fill();
            put(taken_records, component.queueing());
            put(displaced_records, &with_error(component.queueing(), error_type::QUEUE_FULL));
        }
    }),
    (metric::OTEL_SDK_EXPORTER_LOG_INFLIGHT, |sources, put| in_flight(sources, Signal::Logs, put)),
    (metric::OTEL_SDK_EXPORTER_LOG_EXPORTED, |sources, put| exported(sources, Signal::Logs, put)),
    (metric::OTEL_SDK_EXPORTER_METRIC_DATA_POINT_INFLIGHT, |sources, put| {
        in_flight(sources, Signal::Metrics, put);
    }),
    (metric::OTEL_SDK_EXPORTER_METRIC_DATA_POINT_EXPORTED, |sources, put| {
        exported(sources, Signal::Metrics, put);
        // Their queue is the exporter's own.
        for component in of(sources, Signal::Metrics) {
            let displaced = component.queue.fill().displaced_records;
            put(displaced, &with_error(component.exporter(), error_type::QUEUE_FULL));
        }
    }),
];

/// Makes every instrument, which observes `sources` from then on.
pub(super) fn register(meter: &Meter, sources: &Arc<Sources>) {
    for (metric, observe) in INTEGERS {
        register_integer(meter, metric, observe, Arc::clone(sources));
    }
    register_operations(meter, sources);
    let Metric { name, brief, unit, .. } = metric::FLOW_EXPORTER_STAGE_TIME;
    let sources = Arc::clone(sources);
    let times = meter.f64_observable_counter(name).with_description(brief).with_unit(unit);
    times
        .with_callback(move |observer| {
            for stage in Stage::ALL {
                let name = KeyValue::new(attribute::FLOW_EXPORTER_STAGE_NAME.key, stage.name());
                observer.observe(sources.progress.time(stage).as_secs_f64(), &[name]);
            }
        })
        .build();
}

/// A histogram cannot be observed: the exporters record in it.
fn register_operations(meter: &Meter, sources: &Sources) {
    let Metric { name, brief, unit, .. } = metric::OTEL_SDK_EXPORTER_OPERATION_DURATION;
    let histogram = meter.f64_histogram(name).with_description(brief).with_unit(unit);
    let histogram = histogram.with_boundaries(OPERATION_BOUNDS.to_vec()).build();
    for component in &sources.components {
        component.durations.record_in(histogram.clone(), component.exporter());
    }
}

fn register_integer(meter: &Meter, metric: Metric, observe: Observe, sources: Arc<Sources>) {
    let Metric { name, brief, unit, instrument, .. } = metric;
    if instrument == Instrument::Counter {
        let counter = meter.u64_observable_counter(name).with_description(brief).with_unit(unit);
        counter
            .with_callback(move |observer| {
                observe(&sources, &mut |value, attributes| observer.observe(value, attributes));
            })
            .build();
    } else {
        let counter = meter.i64_observable_up_down_counter(name).with_description(brief).with_unit(unit);
        counter
            .with_callback(move |observer| {
                observe(&sources, &mut |value, attributes| {
                    observer.observe(i64::try_from(value).unwrap_or(i64::MAX), attributes);
                });
            })
            .build();
    }
}

fn in_flight(sources: &Sources, signal: Signal, put: Put<'_>) {
    for component in of(sources, signal) {
        put(component.in_flight(), component.exporter());
    }
}

fn exported(sources: &Sources, signal: Signal, put: Put<'_>) {
    for component in of(sources, signal) {
        let settled = component.tally.settled();
        put(settled.exported, component.exporter());
        put(settled.rejected, &with_error(component.exporter(), error_type::REJECTED));
        put(settled.undelivered, &with_error(component.exporter(), error_type::UNDELIVERED));
    }
}

fn of(sources: &Sources, signal: Signal) -> impl Iterator<Item = &Component> {
    sources.components.iter().filter(move |component| component.signal == signal)
}

fn error(kind: &'static str) -> KeyValue {
    KeyValue::new(attribute::ERROR_TYPE.key, kind)
}

fn map(name: &'static str) -> KeyValue {
    KeyValue::new(attribute::FLOW_EXPORTER_KERNEL_MAP_NAME.key, name)
}

fn with_error(attributes: &[KeyValue], kind: &'static str) -> Vec<KeyValue> {
    attributes.iter().cloned().chain([error(kind)]).collect()
}
