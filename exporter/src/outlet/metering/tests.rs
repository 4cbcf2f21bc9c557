use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::{metric, number_data_point};
use prost::Message;

use super::*;
use crate::accounts::MetricsAccounts;
use crate::aggregate::Config;
use crate::clock::WallTime;
use crate::export::{Encoding, Outcome, Settle};
use crate::flow::{HistogramKind, samples};
use crate::ledger::Row;

const HOOK: HookId = HookId(0);
const COUNTS: Counts = Counts { packets: 22, bytes: 14_345 };

fn clock(seconds: u64) -> Clock {
    Clock::at(MonotonicTime(seconds * 1_000_000_000), WallTime(seconds * 1_000_000_000))
}

fn metering(temporality: Temporality, capacity: usize) -> (Metering, Arc<Queue>) {
    let queue = Arc::new(Queue::new(capacity));
    let config = Config {
        dimensions: Vec::new(),
        series_limit: 10,
        idle_timeout: Duration::from_mins(15),
        temporality,
        histogram: HistogramKind::Explicit,
    };
    let metering = Metering::new(
        Aggregator::new(config, &clock(0)),
        MetricsWriter::new(&[], temporality),
        Compressor::new(Encoding::None).unwrap(),
        Arc::clone(&queue),
        temporality,
        Duration::from_mins(1),
        &clock(0),
    );
    (metering, queue)
}

/// The batches that wait.
fn waiting(queue: &Queue) -> Vec<Batch> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    (0..queue.fill().batches).map(|_| runtime.block_on(queue.pop()).unwrap()).collect()
}

/// Bytes of all points.
fn bytes(batch: &Batch) -> i64 {
    let request = ExportMetricsServiceRequest::decode(batch.payload.bytes.clone()).unwrap();
    let metric = &request.resource_metrics[0].scope_metrics[0].metrics[0];
    let Some(metric::Data::Sum(sum)) = &metric.data else { panic!("{metric:?}") };
    let value = |value| match value {
        Some(number_data_point::Value::AsInt(value)) => value,
        other => panic!("{other:?}"),
    };
    sum.data_points.iter().map(|point| value(point.value)).sum()
}

fn record(metering: &mut Metering) {
    let hook = samples::hook();
    metering.record(Record::Flow(&samples::tcp(&hook)), &[(HOOK, COUNTS)]);
}

#[test]
fn points_are_given_every_interval_and_at_the_end() {
    let (mut metering, queue) = metering(Temporality::Cumulative, usize::MAX);
    record(&mut metering);
    metering.flush(&clock(59));
    assert_eq!(waiting(&queue), []);
    metering.flush(&clock(61));
    metering.flush(&clock(62));
    let batches = waiting(&queue);
    assert_eq!(batches.len(), 1);
    assert_eq!((batches[0].records, batches[0].accounted.size(), bytes(&batches[0])), (7, 0, 14_345));
    // Late by a second, the next is not.
    metering.flush(&clock(119));
    assert_eq!(waiting(&queue), []);
    metering.flush(&clock(120));
    assert_eq!(waiting(&queue).len(), 1);
    record(&mut metering);
    metering.finish(&clock(121));
    assert_eq!(bytes(&waiting(&queue)[0]), 2 * 14_345);
}

#[test]
fn without_records_nothing_is_sent() {
    let (mut metering, queue) = metering(Temporality::Cumulative, usize::MAX);
    metering.flush(&clock(61));
    metering.finish(&clock(62));
    assert_eq!(waiting(&queue), []);
}

fn ledger() -> Arc<Ledger> {
    let ledger = Arc::new(Ledger::default());
    ledger.observed(HOOK, COUNTS);
    ledger.observed(HOOK, COUNTS);
    ledger
}

#[test]
fn alone_each_packet_waits_with_one_request() {
    let (metering, queue) = metering(Temporality::Cumulative, usize::MAX);
    let ledger = ledger();
    let mut metering = metering.alone(&ledger);
    record(&mut metering);
    metering.flush(&clock(61));
    record(&mut metering);
    metering.finish(&clock(62));
    let accounted: Vec<_> = waiting(&queue).into_iter().map(|batch| batch.accounted.by_hook()).collect();
    let each = HashMap::from_iter([(HOOK, COUNTS)]);
    assert_eq!(accounted, [each.clone(), each]);
    assert_eq!(ledger.snapshot()[0].1.queued, COUNTS + COUNTS);
}

#[test]
fn of_a_full_queue_the_later_request_has_what_an_earlier_one_had_unless_they_are_deltas() {
    for temporality in [Temporality::Cumulative, Temporality::Delta] {
        let (metering, queue) = metering(temporality, 1_500);
        let ledger = ledger();
        let mut metering = metering.alone(&ledger);
        record(&mut metering);
        metering.flush(&clock(61));
        record(&mut metering);
        metering.flush(&clock(121));
        let batches = waiting(&queue);
        assert_eq!(batches.len(), 1, "one has room: {batches:?}");
        let row: Row = ledger.snapshot()[0].1;
        match temporality {
            Temporality::Cumulative => {
                assert_eq!((bytes(&batches[0]), row.queued), (2 * 14_345, COUNTS + COUNTS));
                // They wait for the next request.
                metering.finish(&clock(122));
                assert_eq!(waiting(&queue)[0].accounted.by_hook(), HashMap::from_iter([(HOOK, COUNTS)]));
            }
            Temporality::Delta => {
                assert_eq!((bytes(&batches[0]), row.queued), (14_345, COUNTS));
                assert_eq!(row.lost[LossReason::QueueFull as usize], COUNTS);
            }
        }
        assert!(row.balances());
    }
}

#[test]
fn alone_what_never_found_room_is_lost_at_the_end() {
    let (metering, queue) = metering(Temporality::Cumulative, 10);
    let ledger = ledger();
    let mut metering = metering.alone(&ledger);
    record(&mut metering);
    metering.finish(&clock(1));
    assert_eq!(waiting(&queue), []);
    assert_eq!(ledger.snapshot()[0].1.lost[LossReason::QueueFull as usize], COUNTS);
}

#[test]
fn what_a_series_counted_while_the_receiver_was_away_is_never_lost_silently() {
    for comes_back in [true, false] {
        let (metering, queue) = metering(Temporality::Cumulative, usize::MAX);
        let ledger = ledger();
        let mut metering = metering.alone(&ledger);
        let mut accounts =
            MetricsAccounts::new(&ledger, Temporality::Cumulative, metering.arrivals().clone());
        // Of the request that waits; gives the bytes in its points.
        let mut settle = |outcome| {
            let [batch] = waiting(&queue).try_into().expect("one request");
            let bytes = bytes(&batch);
            accounts.settle(outcome, batch);
            bytes
        };
        record(&mut metering);
        // Longer than the idle timeout.
        for minute in 1..30 {
            metering.flush(&clock(60 * minute + 1));
            settle(Outcome::Undelivered);
        }
        if comes_back {
            record(&mut metering);
            metering.finish(&clock(1801));
            // Both records are in the points of one request.
            assert_eq!(settle(Outcome::Delivered { rejected_records: 0 }), 2 * 14_345);
        }
        drop(accounts);
        let row = ledger.snapshot()[0].1;
        let (delivered, lost) = (row.delivered, row.lost[LossReason::Undelivered as usize]);
        let none = Counts::default();
        assert_eq!((delivered, lost), if comes_back { (COUNTS + COUNTS, none) } else { (none, COUNTS) });
        assert_eq!(queue.fill().batches, 0);
    }
}
