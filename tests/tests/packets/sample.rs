//! Of a sample, the programs count the flows that the rule chooses, whatever kind of packet they are of: beside the rule as
//! docs/sampling.md has it.

use std::num::NonZeroU32;

use abi::Reason;
use anyhow::{Result, bail, ensure};
use exporter::kernel::{Filter, Sizes};
use flow_tests::machine::{Input, Machine};
use flow_tests::model::{Model, Seen};
use flow_tests::sample::is_chosen;

use crate::catalogue::{DIRECTIONS, difference};
use crate::input;

/// What the programs should have counted of what the model counted, which leaves nothing out.
fn sampled(rate: u32, all: Seen) -> Seen {
    let mut seen = Seen { losses: all.losses, ..Seen::default() };
    for ((direction, tuple), facts) in all.flows {
        let ends = [
            (tuple.source_address(), tuple.source_port),
            (tuple.destination_address(), tuple.destination_port),
        ];
        if is_chosen(ends[0], ends[1], tuple.protocol, rate) {
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
