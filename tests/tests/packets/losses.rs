//! Losses of many hooks, in a map that has room for few.

use abi::{Direction, Reason};
use anyhow::{Context, Result, ensure};
use crafted::layer::ethernet;
use exporter::flow::{Counts, HookId};
use exporter::kernel::{Filter, Loss, PacketContext, Sizes};
use flow_tests::machine::{Input, Machine};
use flow_tests::netns::Netns;
use packet::Link;

/// Hooks times reasons that there is room for.
const ROOM: u32 = 4;
const INTERFACES: u32 = 6;
const LLDP: u16 = 0x88cc;

/// Interfaces of a namespace of their own, with the programs that count there.
struct Bench {
    namespace: Netns,
    machine: Machine,
}

impl Bench {
    fn new() -> Result<Self> {
        let namespace = Netns::new("losses")?;
        namespace.ip_batch((0..INTERFACES).map(|number| {
            format!("link add a{number} index {} type veth peer name b{number}", index(number))
        }))?;
        let sizes = Sizes { losses: ROOM, ..Sizes::of_observations(64) };
        Ok(Self { namespace, machine: Machine::with(sizes, &Filter::default())? })
    }

    /// Sends packets that are not IP to both hooks of an interface.
    fn send(&self, interface: u32, packets: u64) -> Result<Counts> {
        let context = PacketContext { ifindex: index(interface), ..PacketContext::default() };
        let bytes = ethernet(LLDP, &[0; 50]);
        let mut sent = Counts::default();
        for direction in [Direction::Ingress, Direction::Egress] {
            let input = Input { link: Link::Ethernet, direction, bytes: bytes.clone(), context };
            for _ in 0..packets {
                ensure!(self.namespace.enter(|| self.machine.send(&input))??);
                sent += Counts { packets: 1, bytes: bytes.len() as u64 };
            }
        }
        Ok(sent)
    }
}

fn index(interface: u32) -> u32 {
    100 + interface
}

fn sum(losses: &[Loss]) -> Counts {
    losses.iter().map(|loss| loss.counts).sum()
}

fn told_apart(losses: &[Loss]) -> Vec<HookId> {
    losses.iter().filter_map(|loss| loss.hook).collect()
}

pub(crate) fn more_hooks_than_entries() -> Result<()> {
    let mut bench = Bench::new()?;
    for round in 1..4 {
        let mut sent = Counts::default();
        for interface in 0..INTERFACES {
            sent += bench.send(interface, round * u64::from(interface + 1))?;
        }
        let losses = bench.machine.losses()?;
        ensure!(sum(&losses) == sent, "round {round}: {:?} of {sent:?}", sum(&losses));
        ensure!(told_apart(&losses).len() == ROOM as usize, "round {round}: {losses:?}");
        ensure!(losses.iter().all(|loss| loss.reason == Reason::NotIp), "{losses:?}");
    }
    Ok(())
}

pub(crate) fn room_of_a_hook_that_left() -> Result<()> {
    let mut bench = Bench::new()?;
    let mut sent = bench.send(0, 3)? + bench.send(1, 2)?;
    let first = bench.machine.losses()?;
    let mut lost = sum(&first);
    let hooks = told_apart(&first);
    ensure!(hooks.len() == ROOM as usize, "{first:?}");

    sent += bench.send(2, 5)?;
    let refused = bench.machine.losses()?;
    lost += sum(&refused);
    ensure!(told_apart(&refused).is_empty() && lost == sent, "{refused:?}");

    // What is read last is not lost, and not given again.
    sent += bench.send(0, 7)?;
    for hook in hooks.iter().take(2) {
        let last = bench.machine.forget_losses(*hook)?;
        lost += sum(&last);
        ensure!(bench.machine.forget_losses(*hook)?.is_empty());
    }
    sent += bench.send(2, 1)? + bench.send(1, 1)?;
    let later = bench.machine.losses()?;
    lost += sum(&later);
    ensure!(told_apart(&later).len() == ROOM as usize, "{later:?}");
    ensure!(lost == sent, "{lost:?} of {sent:?}");

    // An interface of the same index starts anew.
    for hook in told_apart(&later) {
        bench.machine.forget_losses(hook)?;
    }
    let again = bench.send(0, 2)?;
    let losses = bench.machine.losses()?;
    let one = losses.first().context("nothing was lost")?;
    ensure!(sum(&losses) == again && one.counts.packets == 2, "{losses:?}");
    Ok(())
}
