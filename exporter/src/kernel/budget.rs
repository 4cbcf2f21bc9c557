//! What fits into the memory that the user grants.

use crate::kernel::Sizes;

/// A flow in the flow table with its index entries, seen at two hooks in both directions while its connection opens
/// (`cargo bench --bench table`).
const BYTES_PER_FLOW: u64 = 740;
/// The process without flows: runtime, buffers for reading the kernel. With 1000 flows, their records and a queue for them it takes
/// half of this (`cargo bench --bench footprint`).
const PROCESS: u64 = 10 << 20;
/// One in so many bytes is for the export queue: some seconds of records at any size, and the rest for flows.
const QUEUE_SHARE: u64 = 16;
/// One in so many bytes is for what payloads say of flows: enough for a quarter of them.
const APPLICATION_SHARE: u64 = 16;
/// One in so many bytes is for the ring of payloads, within limits: 200 connections that begin between two looks, to 3500.
const RING_SHARE: u64 = 256;
const RING_LIMITS: (u64, u64) = (1 << 18, 1 << 22);
/// One in so many bytes is for what tells who began a flow: 20 000 addresses of 256 MiB.
const ADDRESSES_SHARE: u64 = 128;
/// One in an ordered set and in a list of which that is made, and an eighth of a socket that waits there.
const BYTES_PER_ADDRESS: u64 = 100;
/// Addresses beyond this are those of no machine.
const MOST_ADDRESSES: u64 = 1 << 15;
/// All shares are whole numbers of such parts.
const SHARES_OF: u64 = 256;
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
    /// Addresses of network namespaces that are kept to tell who began a flow.
    pub addresses: u64,
    /// Bytes of the series of metrics and of their export queue.
    pub metrics_bytes: u64,
}

/// What memory is wanted for beside flows' counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wants {
    /// Bytes for metrics.
    pub metrics: u64,
    /// Whether the programs note how well TCP connections do.
    pub tcp_quality: bool,
    /// Whether the programs ship the first bytes of connections.
    pub payloads: bool,
    /// Whether a program counts what the kernel drops.
    pub drops: bool,
}

impl Wants {
    /// What is a share of the memory that is granted, together, in parts of [`SHARES_OF`]: the ring's doubled, because its size is
    /// a power of two.
    const fn shares(self) -> u64 {
        let payloads =
            if self.payloads { SHARES_OF / APPLICATION_SHARE + 2 * SHARES_OF / RING_SHARE } else { 0 };
        SHARES_OF / QUEUE_SHARE + SHARES_OF / ADDRESSES_SHARE + payloads
    }

    /// Bytes of the ring of payloads, a power of two.
    fn ring(self, granted: u64) -> u64 {
        let (least, most) = RING_LIMITS;
        if self.payloads {
            (granted / RING_SHARE).clamp(least, most).next_power_of_two().min(most)
        } else {
            0
        }
    }
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

/// Plans for `bytes` of memory, kernel maps and process together. What is not wanted is room for flows.
///
/// # Errors
/// [`BudgetError`] says how much the smallest plan needs.
pub fn plan(bytes: u64, wants: Wants) -> Result<Plan, BudgetError> {
    let of_flows = |flows| of_flows(flows, bytes, wants);
    let smallest = of_flows(MIN_FLOWS);
    if smallest.total() > bytes {
        let Wants { metrics, .. } = wants;
        let fixed = (smallest.kernel_bytes + smallest.process_bytes).saturating_add(metrics);
        let with_shares = fixed.saturating_mul(SHARES_OF).div_ceil(SHARES_OF - wants.shares());
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

fn of_flows(flows: u64, granted: u64, wants: Wants) -> Plan {
    let Wants { metrics, tcp_quality, payloads, drops } = wants;
    let observations = u32::try_from(flows / FLOWS_PER_OBSERVATION).unwrap_or(u32::MAX);
    let sizes = Sizes { tcp_quality, drops, ..Sizes::of_observations(observations) }
        .with_payloads(u32::try_from(wants.ring(granted)).unwrap_or(u32::MAX));
    Plan {
        flows,
        sizes,
        kernel_bytes: sizes.bytes(),
        process_bytes: PROCESS + flows * BYTES_PER_FLOW,
        queue_bytes: (granted / QUEUE_SHARE).max(MIN_QUEUE),
        application_bytes: if payloads { granted / APPLICATION_SHARE } else { 0 },
        addresses: (granted / ADDRESSES_SHARE / BYTES_PER_ADDRESS).min(MOST_ADDRESSES),
        metrics_bytes: metrics,
    }
}

impl Plan {
    /// All of it, in bytes.
    #[must_use]
    pub fn total(&self) -> u64 {
        let addresses = self.addresses * BYTES_PER_ADDRESS;
        (self.kernel_bytes + self.process_bytes + self.queue_bytes + self.application_bytes + addresses)
            .saturating_add(self.metrics_bytes)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALL: Wants = Wants { metrics: 2 << 20, tcp_quality: true, payloads: true, drops: true };

    #[test]
    fn a_gibibyte_holds_a_million_flows() {
        assert!(plan(1 << 30, ALL).unwrap().flows >= 1_000_000);
    }

    #[test]
    fn the_default_holds_200_000_flows() {
        assert!(plan(256 << 20, ALL).unwrap().flows >= 200_000);
    }

    #[test]
    fn what_is_not_wanted_is_room_for_flows() {
        let flows = |wants| plan(256 << 20, wants).unwrap().flows;
        for less in [
            Wants { tcp_quality: false, ..ALL },
            Wants { payloads: false, ..ALL },
            Wants { drops: false, ..ALL },
            Wants { metrics: 0, ..ALL },
        ] {
            assert!(flows(less) > flows(ALL), "{less:?}: {} and {}", flows(less), flows(ALL));
        }
    }

    #[test]
    fn no_payloads_have_no_memory() {
        let plan = plan(256 << 20, Wants { payloads: false, ..ALL }).unwrap();
        assert_eq!((plan.application_bytes, plan.sizes.payload_bytes), (0, 0));
    }

    #[test]
    fn too_little_memory_is_told_with_what_is_needed() {
        for (granted, metrics) in [(1 << 20, 0), (1 << 20, 2 << 20), (256 << 20, 1 << 30)] {
            for payloads in [true, false] {
                let wants = Wants { metrics, payloads, ..ALL };
                let error = plan(granted, wants).unwrap_err();
                assert!(plan(error.needed, wants).is_ok());
            }
        }
        assert!(plan(1 << 40, Wants { metrics: u64::MAX, ..ALL }).is_err(), "no overflow");
    }

    proptest! {
        #[test]
        fn a_plan_stays_within_the_memory_and_one_flow_more_does_not_fit(
            bytes in 32_u64 << 20..64 << 30,
            metrics in 0_u64..8 << 20,
            tcp_quality in any::<bool>(),
            payloads in any::<bool>(),
            drops in any::<bool>()
        ) {
            let wants = Wants { metrics, tcp_quality, payloads, drops };
            let plan = plan(bytes, wants).unwrap();
            prop_assert!(plan.total() <= bytes);
            let more = of_flows(plan.flows + 1, bytes, wants);
            prop_assert!(more.total() > bytes || plan.flows == MAX_FLOWS);
        }
    }
}
