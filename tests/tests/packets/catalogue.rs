//! Single packets.

use abi::Direction;
use anyhow::{Result, ensure};
use flow_tests::machine::{Input, Machine};
use flow_tests::model::{Model, Seen};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use crate::input;

pub(crate) const DIRECTIONS: [Direction; 2] = [Direction::Ingress, Direction::Egress];

pub(crate) fn as_on_a_slice() -> Result<()> {
    let mut machine = Machine::new(1024)?;
    let mut model = Model::default();
    let mut wrong = Vec::new();
    for case in crafted::all() {
        for direction in DIRECTIONS {
            let Some(input) = input(&case, direction) else { continue };
            if machine.send(&input)? {
                model.send(&input);
            }
        }
        wrong.extend(difference(case.name, &machine.read()?, &model.read()));
    }
    ensure!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    Ok(())
}

/// Bytes of crafted packets changed at random: mostly nonsense, and all of it counted alike.
pub(crate) fn changed() -> Result<()> {
    const ROUNDS: usize = 60;
    const PACKETS: usize = 200;
    let inputs: Vec<Input> = crafted::all()
        .iter()
        .flat_map(|case| DIRECTIONS.map(|direction| input(case, direction)))
        .flatten()
        .collect();
    let changes = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..5);
    let offload = prop_oneof![3 => Just((0, 0)), 1 => (0..50_u32, 1..2000_u32)];
    let strategy = prop::collection::vec((prop::sample::select(inputs), changes, offload), PACKETS);
    let mut runner = TestRunner::deterministic();
    let mut machine = Machine::new(8192)?;
    let mut model = Model::default();
    for round in 0..ROUNDS {
        let packets = strategy.new_tree(&mut runner).map_err(anyhow::Error::msg)?.current();
        for (mut input, changes, (gso_segs, gso_size)) in packets {
            let changeable = input.bytes.len().min(100);
            for (at, value) in changes {
                input.bytes[at.index(changeable)] = value;
            }
            (input.context.gso_segs, input.context.gso_size) = (gso_segs, gso_size);
            if machine.send(&input)? {
                model.send(&input);
            }
        }
        if let Some(wrong) = difference(&format!("round {round}"), &machine.read()?, &model.read()) {
            anyhow::bail!(wrong);
        }
    }
    Ok(())
}

/// What differs, if anything.
pub(crate) fn difference(name: &str, is: &Seen, should: &Seen) -> Option<String> {
    if is == should {
        return None;
    }
    let mut lines = vec![format!("{name}:")];
    for key in is.flows.keys().chain(should.flows.keys()) {
        let (is, should) = (is.flows.get(key), should.flows.get(key));
        if is != should {
            lines.push(format!("  {key:?}\n    is     {is:?}\n    should {should:?}"));
        }
    }
    if is.losses != should.losses {
        lines.push(format!("  losses\n    is     {:?}\n    should {:?}", is.losses, should.losses));
    }
    lines.dedup();
    Some(lines.join("\n"))
}
