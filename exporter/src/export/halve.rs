//! A request in two, for a receiver that takes none of its size.

use smallvec::SmallVec;

use crate::export::payload::{Compressor, Payload};
use crate::export::protobuf::{ProtobufError, Reader};

/// From an export request to its records by field numbers (opentelemetry-proto 1.x): `ExportLogsServiceRequest`'s
/// `ResourceLogs`, its `ScopeLogs`, its `LogRecord`s.
const LOG_RECORDS: &[&[u64]] = &[&[1, 2, 2]];
/// The same to the data points of metrics: to `Metric`s by the same numbers, its `Sum`, `Histogram` or `ExponentialHistogram`, and
/// the points of that.
const DATA_POINTS: &[&[u64]] = &[&[1, 2, 2, 7, 1], &[1, 2, 2, 9, 1], &[1, 2, 2, 10, 1]];

/// Makes two requests of one: the first `records / 2` log records or data points, and the others. Everything else is in both.
/// `None` if there are no two records, or if the payload is no request with so many of them.
pub(super) fn halve(payload: &Payload, records: u32) -> Option<[(Payload, u32); 2]> {
    let first = records / 2;
    if first == 0 {
        return None;
    }
    let request = payload.request().ok()?;
    let mut compressor = Compressor::new(payload.encoding).ok()?;
    let half = |paths: &[&[u64]], of_first: bool| {
        let mut seen = 0;
        let mut out = Vec::with_capacity(request.len() / 2);
        let mut keep = || {
            seen += 1;
            (seen <= first) == of_first
        };
        copy(&request, paths, &mut keep, &mut out).ok()?;
        (seen == records).then_some(out)
    };
    // What the request holds is known by where there are as many as there should be.
    let (paths, half_of_first) =
        [LOG_RECORDS, DATA_POINTS].into_iter().find_map(|paths| Some((paths, half(paths, true)?)))?;
    let half_of_others = half(paths, false)?;
    let mut compress = |half| compressor.compress(half);
    Some([(compress(half_of_first), first), (compress(half_of_others), records - first)])
}

/// Copies a message, of the fields at the end of one of `paths` only those that `keep` wants.
fn copy(
    message: &[u8],
    paths: &[&[u64]],
    keep: &mut dyn FnMut() -> bool,
    out: &mut Vec<u8>,
) -> Result<(), ProtobufError> {
    let mut reader = Reader(message);
    loop {
        let rest = reader.0;
        let Some((number, value)) = reader.field()? else { return Ok(()) };
        let field = &rest[..rest.len() - reader.0.len()];
        let deeper = paths.iter().filter_map(|path| path.split_first().filter(|(here, _)| **here == number));
        let deeper: SmallVec<[&[u64]; 3]> = deeper.map(|(_, deeper)| deeper).collect();
        match &*deeper {
            [] => out.extend_from_slice(field),
            [[]] => {
                if keep() {
                    out.extend_from_slice(field);
                }
            }
            deeper => {
                let mut inner = Vec::new();
                copy(value.bytes(number)?, deeper, keep, &mut inner)?;
                put_varint(out, number << 3 | 2);
                put_varint(out, inner.len() as u64);
                out.append(&mut inner);
            }
        }
    }
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
    use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
    use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
    use opentelemetry_proto::tonic::metrics::v1::metric::Data;
    use opentelemetry_proto::tonic::resource::v1::Resource;
    use prost::Message;

    use super::*;
    use crate::clock::WallTime;
    use crate::export::payload::Encoding;
    use crate::flow::{Buckets, Counts, HistogramPoint, MetricPoint, MetricValue, Temporality};
    use crate::otlp::MetricsWriter;

    fn request(numbers: impl Iterator<Item = u64>) -> Vec<u8> {
        let log_records =
            numbers.map(|number| LogRecord { time_unix_nano: number, ..LogRecord::default() }).collect();
        let scope_logs =
            vec![ScopeLogs { log_records, schema_url: "scope's".to_owned(), ..ScopeLogs::default() }];
        let resource = Some(Resource { dropped_attributes_count: 300, ..Resource::default() });
        let resource_logs = vec![ResourceLogs { resource, scope_logs, schema_url: "its".to_owned() }];
        ExportLogsServiceRequest { resource_logs }.encode_to_vec()
    }

    #[test]
    fn the_halves_hold_every_record_once_and_what_is_common_twice() {
        for encoding in [Encoding::None, Encoding::Gzip, Encoding::Zstd] {
            let payload = Compressor::new(encoding).unwrap().compress(request(1..=201));
            let [(first, in_first), (second, in_second)] = halve(&payload, 201).unwrap();
            assert_eq!((in_first, in_second, first.encoding), (100, 101, encoding));
            assert_eq!(first.request().unwrap(), request(1..=100));
            assert_eq!(second.request().unwrap(), request(101..=201));
        }
    }

    #[test]
    fn a_request_of_metrics_goes_in_halves_by_its_data_points() {
        let counts = Counts { packets: 1, bytes: 64 };
        let explicit = Buckets::Explicit { bounds: &[1.0], counts: &[1, 0] };
        let exponential = Buckets::Exponential { scale: 0, zero: 0, offset: 0, counts: &[1] };
        let histogram = |buckets| {
            MetricValue::RoundTrips(HistogramPoint { count: 1, sum: 0.5, min: 0.5, max: 0.5, buckets })
        };
        let values = [
            MetricValue::Traffic(counts),
            MetricValue::Connections(1),
            histogram(explicit),
            histogram(exponential),
        ];
        let mut writer = MetricsWriter::new(&[], Temporality::Delta);
        for (time, value) in (1..=3).flat_map(|time| values.map(|value| (time, value))) {
            writer.point(MetricPoint { attributes: &[], start: WallTime(0), time: WallTime(time), value });
        }
        let request = writer.finish().next().unwrap();
        assert_eq!(request.points, 15);
        let halves = halve(&Payload::plain(request.payload), request.points).unwrap();
        let times = halves.map(|(half, count)| {
            let request = ExportMetricsServiceRequest::decode(half.request().unwrap()).unwrap();
            let metrics = &request.resource_metrics[0].scope_metrics[0].metrics;
            let times: Vec<Vec<u64>> =
                metrics.iter().map(|metric| times(metric.data.as_ref().unwrap())).collect();
            assert_eq!(times.iter().map(Vec::len).sum::<usize>(), usize::try_from(count).unwrap());
            times
        });
        let [all, one, two] = [vec![1, 2, 3], vec![1], vec![2, 3]];
        assert_eq!(times[0], [all.clone(), all.clone(), one, vec![], vec![]]);
        assert_eq!(times[1], [vec![], vec![], two, all.clone(), all]);
    }

    fn times(data: &Data) -> Vec<u64> {
        match data {
            Data::Sum(sum) => sum.data_points.iter().map(|point| point.time_unix_nano).collect(),
            Data::Histogram(histogram) => {
                histogram.data_points.iter().map(|point| point.time_unix_nano).collect()
            }
            Data::ExponentialHistogram(histogram) => {
                histogram.data_points.iter().map(|point| point.time_unix_nano).collect()
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_single_record_has_no_halves() {
        assert_eq!(halve(&Payload::plain(request(1..=1)), 1), None);
    }

    #[test]
    fn what_is_no_request_has_no_halves() {
        assert_eq!(halve(&Payload::plain(vec![0x0a, 5, 1]), 10), None);
        assert_eq!(halve(&Payload { encoding: Encoding::Zstd, ..Payload::plain(vec![1]) }, 10), None);
    }
}
