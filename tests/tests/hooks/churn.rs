//! A thousand pairs of interfaces that come and go leave nothing behind.

use std::io::Write;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use exporter::kernel::Method;
use flow_tests::harness::{Test, until};
use flow_tests::netns::Netns;

use crate::agent::{Agent, Settings};
use crate::kernel::programs_using;

pub(crate) const TESTS: &[Test] = &[
    ("churn_leaves_nothing_behind_by_tcx", || churn(Method::Tcx)),
    ("churn_leaves_nothing_behind_by_clsact", || churn(Method::Clsact)),
];

/// Pairs that are there at once.
const PAIRS: usize = 250;
/// So many times: 1000 pairs.
const ROUNDS: usize = 4;
/// The first round takes what that many interfaces need, and the allocator keeps it. 120 bytes for each of the 2250 hooks that come
/// and go afterwards would be more than this.
const GROWTH_KIB: u64 = 256;
/// One hook by TCX takes 14 ms to attach and 13 ms to detach.
const SETTLED: Duration = Duration::from_mins(5);

fn churn(method: Method) -> Result<()> {
    let (here, there) = (Netns::new("churn")?, Netns::new("churn-there")?);
    here.veth("one", "two")?;
    let mut agent = Agent::start(&here, Settings::of(method))?;
    let before = agent.descriptors()?;
    let programs = programs_using(&before.maps)?;
    ensure!(!programs.is_empty(), "no program uses the maps {:?}", before.maps);

    let mut memory = Vec::new();
    for _ in 0..ROUNDS {
        round(&mut agent, &here, &there)?;
        memory.push(agent.anonymous_kib()?);
    }
    writeln!(std::io::stdout(), "{method:?}: {memory:?} KiB; {}", agent.ask("counters")?.concat())?;
    let grown = memory[ROUNDS - 1].saturating_sub(memory[0]);
    ensure!(grown <= GROWTH_KIB, "+{grown} KiB since the first round: {memory:?} KiB");
    ensure!(agent.descriptors()? == before, "{:?} was {before:?}", agent.descriptors()?);
    ensure!(
        programs_using(&before.maps)? == programs,
        "{:?} was {programs:?}",
        programs_using(&before.maps)?
    );

    ensure!(agent.stop()?.is_empty());
    until("the kernel frees the programs", SETTLED, || Ok(programs_using(&before.maps)?.is_empty()))
}

/// Pairs are made, renamed, moved and deleted.
fn round(agent: &mut Agent, here: &Netns, there: &Netns) -> Result<()> {
    let begin = Instant::now();
    here.ip_batch((0..PAIRS).map(|pair| format!("link add a{pair} type veth peer name b{pair}")))?;
    here.ip_batch((0..PAIRS).map(|pair| format!("link set a{pair} name c{pair}")))?;
    here.ip_batch((0..PAIRS / 2).map(|pair| format!("link set c{pair} netns {}", there.name())))?;
    let made = begin.elapsed();
    let expected = 4 + 2 * (PAIRS * 2 - PAIRS / 2);
    until("all that are here are hooked", SETTLED, || Ok(agent.attached()? == expected))?;
    let hooked = begin.elapsed();
    here.ip_batch((0..PAIRS).map(|pair| format!("link del b{pair}")))?;
    until("all but the first are forgotten", SETTLED, || Ok(agent.attached()? == 4))?;
    let forgotten = begin.elapsed();

    agent.ask("forget")?;
    let hooks = agent.ask("hooks")?;
    ensure!(hooks.len() == 4, "the registry still has {hooks:?}");
    writeln!(
        std::io::stdout(),
        "{PAIRS} pairs made {made:.1?}, hooked {hooked:.1?}, forgotten {forgotten:.1?}"
    )?;
    Ok(())
}
