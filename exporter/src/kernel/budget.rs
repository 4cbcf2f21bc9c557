//! What fits into the memory that the user grants.

use crate::kernel::Sizes;

/// A flow in the flow table with its index entries, seen at two hooks in both directions while its connection opens
/// (`make bench`).
const BYTES_PER_FLOW: u64 = 730;
/// The process without flows: code, runtime, buffers for reading the kernel.
const PROCESS: u64 = 16 << 20;
/// One in so many bytes is for the export queue: some seconds of records at any size, and the rest for flows.
const QUEUE_SHARE: u64 = 16;
/// One in so many bytes is for what payloads say of flows: enough for a quarter of them.
const APPLICATION_SHARE: u64 = 16;
/// One in so many bytes is for the ring of payloads, within limits: 200 connections that begin between two looks, to 3500.
const RING_SHARE: u64 = 256;
const RING_LIMITS: (u64, u64) = (1 << 18, 1 << 22);
/// All shares together, the ring's doubled because its size is a power of two, as parts of so many.
const SHARES_OF: u64 = 256;
const SHARES: u64 = SHARES_OF / QUEUE_SHARE + SHARES_OF / APPLICATION_SHARE + 2 * SHARES_OF / RING_SHARE;
/// One full request.
const MIN_QUEUE: u64 = 1 << 20;
/// Flows for each observation of a generation.
const FLOWS_PER_OBSERVATION: u64 = 2;
/// Fewer flows than this are no use on any machine.
const MIN_FLOWS: u64 = 1024;
const MAX_FLOWS: u64 = Sizes::MAX_OBSERVATIONS as u64;

/// How the memory is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Flows that the flow table holds.
    pub flows: u64,
    /// Sizes of the kernel's maps: half as many observations in each generation as there are flows. A flow has an observation for
    /// each hook and direction, but a generation is read as soon as it is half full, and few flows have packets between two readings.
    pub sizes: Sizes,
    /// Bytes of the kernel's maps, charged at the start.
    pub kernel_bytes: u64,
    /// Bytes of the process with all flows.
    pub process_bytes: u64,
    /// Bytes of the export queue, or of lines that wait to be printed.
    pub queue_bytes: u64,
    /// Bytes for what payloads say of flows.
    pub application_bytes: u64,
    /// Bytes of the series of metrics and of their export queue.
    pub metrics_bytes: u64,
}

/// The memory is too small.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{granted} bytes of memory, {metrics} of them for metrics, hold no {MIN_FLOWS} flows: set --memory to at \
     least {needed} bytes, or lower --metric-series-limit"
)]
pub struct BudgetError {
    granted: u64,
    metrics: u64,
    needed: u64,
}

/// Plans for `bytes` of memory, kernel maps and process together. `metrics` of them are for metrics; `tcp_quality` says whether the
/// programs note how well TCP connections do.
///
/// # Errors
/// [`BudgetError`] says how much the smallest plan needs.
pub fn plan(bytes: u64, metrics: u64, tcp_quality: bool) -> Result<Plan, BudgetError> {
    let of_flows = |flows| of_flows(flows, bytes, metrics, tcp_quality);
    let smallest = of_flows(MIN_FLOWS);
    if smallest.total() > bytes {
        let fixed = (smallest.kernel_bytes + smallest.process_bytes).saturating_add(metrics);
        // The queue, what payloads say and the ring take their shares of what is granted.
        let with_shares = fixed.saturating_mul(SHARES_OF).div_ceil(SHARES_OF - SHARES);
        let needed = fixed.saturating_add(MIN_QUEUE).saturating_add(RING_LIMITS.0).max(with_shares);
        return Err(BudgetError { granted: bytes, metrics, needed });
    }
    let (mut fits, mut too_many) = (MIN_FLOWS, MAX_FLOWS + 1);
    while too_many - fits > 1 {
        let flows = fits.midpoint(too_many);
        if of_flows(flows).total() <= bytes {
            fits = flows;
        } else {
            too_many = flows;
        }
    }
    Ok(of_flows(fits))
}

fn of_flows(flows: u64, granted: u64, metrics: u64, tcp_quality: bool) -> Plan {
    let (least, most) = RING_LIMITS;
    let ring = (granted / RING_SHARE).clamp(least, most).next_power_of_two().min(most);
    let observations = u32::try_from(flows / FLOWS_PER_OBSERVATION).unwrap_or(u32::MAX);
    let sizes = Sizes { tcp_quality, drops: true, ..Sizes::of_observations(observations) };
    let sizes = sizes.with_payloads(u32::try_from(ring).unwrap_or(u32::MAX));
    Plan {
        flows,
        sizes,
        kernel_bytes: sizes.bytes(),
        process_bytes: PROCESS + flows * BYTES_PER_FLOW,
        queue_bytes: (granted / QUEUE_SHARE).max(MIN_QUEUE),
        application_bytes: granted / APPLICATION_SHARE,
        metrics_bytes: metrics,
    }
}

impl Plan {
    /// This plan, of which the part for payloads stays unused.
    #[must_use]
    pub const fn without_payloads(self) -> Self {
        let sizes = self.sizes.with_payloads(0);
        Self { sizes, kernel_bytes: sizes.bytes(), application_bytes: 0, ..self }
    }

    /// This plan, of which the part for dropped packets stays unused.
    #[must_use]
    pub const fn without_drops(self) -> Self {
        let sizes = Sizes { drops: false, ..self.sizes };
        Self { sizes, kernel_bytes: sizes.bytes(), ..self }
    }

    /// All of it, in bytes.
    #[must_use]
    pub fn total(&self) -> u64 {
        (self.kernel_bytes + self.process_bytes + self.queue_bytes + self.application_bytes)
            .saturating_add(self.metrics_bytes)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_gibibyte_holds_a_million_flows() {
        assert!(plan(1 << 30, 2 << 20, true).unwrap().flows >= 1_000_000);
    }

    #[test]
    fn the_default_holds_200_000_flows() {
        assert!(plan(256 << 20, 2 << 20, true).unwrap().flows >= 200_000);
    }

    #[test]
    fn what_is_not_noted_of_tcp_is_room_for_flows() {
        let flows = |tcp_quality| plan(256 << 20, 2 << 20, tcp_quality).unwrap().flows;
        assert!(flows(false) > flows(true), "{} and {}", flows(false), flows(true));
    }

    #[test]
    fn too_little_memory_is_told_with_what_is_needed() {
        for (granted, metrics) in [(1 << 20, 0), (1 << 20, 2 << 20), (256 << 20, 1 << 30)] {
            let error = plan(granted, metrics, true).unwrap_err();
            assert!(plan(error.needed, metrics, true).is_ok());
        }
        assert!(plan(1 << 40, u64::MAX, true).is_err(), "no overflow");
    }

    proptest! {
        #[test]
        fn a_plan_stays_within_the_memory_and_one_flow_more_does_not_fit(
            bytes in 32_u64 << 20..64 << 30, metrics in 0_u64..8 << 20, quality in any::<bool>()
        ) {
            let plan = plan(bytes, metrics, quality).unwrap();
            prop_assert!(plan.total() <= bytes);
            let more = of_flows(plan.flows + 1, bytes, metrics, quality);
            prop_assert!(more.total() > bytes || plan.flows == MAX_FLOWS);
        }
    }
}
