//! Hundreds of interfaces that come and go leave nothing behind.

use std::io::Write;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use exporter::kernel::Method;
use flow_tests::harness::{Test, until};
use flow_tests::netns::Netns;

use crate::agent::{Agent, Settings};

pub(crate) const TESTS: &[Test] = &[
    ("churn_leaves_nothing_behind_by_tcx", || churn(Method::Tcx)),
    ("churn_leaves_nothing_behind_by_clsact", || churn(Method::Clsact)),
];

const PAIRS: usize = 500;
/// One hook by TCX takes 14 ms to attach and 13 ms to detach.
const SETTLED: Duration = Duration::from_mins(2);

fn churn(method: Method) -> Result<()> {
    let (here, there) = (Netns::new("churn")?, Netns::new("churn-there")?);
    here.veth("one", "two")?;
    let mut agent = Agent::start(&here, Settings::of(method))?;
    let before = agent.descriptors()?;
    let memory = agent.anonymous_kib()?;
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
    let counters = agent.ask("counters")?.concat();
    let grown = agent.anonymous_kib()?.saturating_sub(memory);
    writeln!(
        std::io::stdout(),
        "{method:?}: {PAIRS} pairs made {made:.1?}, hooked {hooked:.1?}, forgotten {forgotten:.1?}; +{grown} KiB; {counters}"
    )?;
    ensure!(agent.descriptors()? == before, "{:?} was {before:?}", agent.descriptors()?);
    ensure!(agent.stop()?.is_empty());
    Ok(())
}
