//! Of a sample, the programs count the flows that the rule chooses, whatever kind of packet they are of: beside the rule, said a
//! second time as docs/sampling.md says it.

use std::net::IpAddr;
use std::num::NonZeroU32;

use abi::Reason;
use anyhow::{Result, bail, ensure};
use exporter::flow::Tuple;
use exporter::kernel::{Filter, Sizes};
use flow_tests::machine::{Input, Machine};
use flow_tests::model::{Model, Seen};

use crate::catalogue::{DIRECTIONS, difference};
use crate::input;

fn is_chosen(tuple: &Tuple, rate: u32) -> bool {
    fn mix(value: u64) -> u64 {
        let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        value ^ (value >> 31)
    }
    fn end(address: IpAddr, port: Option<u16>) -> u64 {
        let octets = match address {
            IpAddr::V4(address) => address.to_ipv6_mapped(),
            IpAddr::V6(address) => address,
        }
        .octets();
        let half = |at: usize| u64::from_be_bytes(std::array::from_fn(|byte| octets[at + byte]));
        let [high, low] = [half(0), half(8)];
        mix(mix(high.wrapping_add(port.unwrap_or(0).into())) ^ low)
    }
    let ends = end(tuple.source_address(), tuple.source_port)
        .wrapping_add(end(tuple.destination_address(), tuple.destination_port));
    let hash = mix(ends ^ u64::from(tuple.protocol));
    (hash >> 32) * u64::from(rate) < 1 << 32
}

/// What the programs should have counted of what the model counted, which leaves nothing out.
fn sampled(rate: u32, all: Seen) -> Seen {
    let mut seen = Seen { losses: all.losses, ..Seen::default() };
    for ((direction, tuple), facts) in all.flows {
        if is_chosen(&tuple, rate) {
            seen.flows.insert((direction, tuple), facts);
        } else {
            seen.add_loss(direction, Reason::SampledOut, facts.counts);
        }
    }
    seen
}

/// Every kind of packet, where all flows are asked for a sample, and where a filter is asked before.
pub(crate) fn as_the_rule_says() -> Result<()> {
    let inputs: Vec<Input> = crafted::all()
        .iter()
        .flat_map(|case| DIRECTIONS.map(|direction| input(case, direction)))
        .flatten()
        .collect();
    let (mut chosen, mut left_out) = (0, 0);
    for filter in [Filter::default(), Filter::parse(["accept"])?] {
        for rate in [2, 3, 10] {
            let filter = filter.clone().sampled(NonZeroU32::try_from(rate)?);
            let mut machine = Machine::with(Sizes::of_observations(4096), &filter)?;
            let mut model = Model::default();
            for input in &inputs {
                if machine.send(input)? {
                    model.send(input);
                }
            }
            let (is, should) = (machine.read()?, sampled(rate, model.read()));
            chosen += should.flows.len();
            left_out += should.losses.keys().filter(|(_, reason)| *reason == Reason::SampledOut).count();
            if let Some(wrong) = difference(&format!("1 in {rate}, {filter:?}"), &is, &should) {
                bail!(wrong);
            }
        }
    }
    ensure!(chosen > 100 && left_out == 12, "{chosen} flows and {left_out} directions say little");
    Ok(())
}
