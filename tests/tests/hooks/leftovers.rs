//! What a killed agent leaves behind, and agents side by side.

use std::time::Duration;

use abi::Direction;
use anyhow::{Result, bail, ensure};
use exporter::kernel::{InstanceError, InstanceLock, Method};
use flow_tests::harness::{Test, until};
use flow_tests::netns::Netns;

use crate::agent::{Agent, Settings};
use crate::kernel::{DIRECTIONS, clsact, has_qdisc, programs_using, tcx};

pub(crate) const TESTS: &[Test] = &[
    ("a_killed_agent_with_tcx_leaves_nothing", tcx_leaves_nothing),
    ("an_agent_that_panics_leaves_nothing_by_tcx", || panics(Method::Tcx)),
    ("an_agent_that_panics_leaves_nothing_by_clsact", || panics(Method::Clsact)),
    ("clsact_left_overs_are_taken_over", taken_over),
    ("left_overs_are_swept_when_tcx_is_used", || swept(Settings::of(Method::Tcx))),
    ("left_overs_of_other_interfaces_are_swept", || {
        swept(Settings { include: "other*", ..Settings::of(Method::Clsact) })
    }),
    ("left_overs_of_temporary_instances_are_swept", temporary),
    ("two_agents_share_an_interface_by_tcx", two_by_tcx),
    ("two_agents_share_an_interface_by_clsact", two_by_clsact),
    ("an_instance_runs_once_per_namespace", once),
];

/// Waits for what takes no time on an idle machine.
const SOON: Duration = Duration::from_mins(1);

const CLSACT: Settings = Settings {
    instance: "default",
    method: Method::Clsact,
    include: "*",
    exclude: "no*",
    all_namespaces: false,
};

fn pair(label: &str) -> Result<Netns> {
    let namespace = Netns::new(label)?;
    namespace.veth("one", "two")?;
    Ok(namespace)
}

fn tcx_leaves_nothing() -> Result<()> {
    let namespace = pair("tcx-kill")?;
    let agent = Agent::start(&namespace, Settings::of(Method::Tcx))?;
    ensure!(tcx(&namespace, "one", Direction::Ingress)?.len() == 1);
    agent.kill()?;
    for direction in DIRECTIONS {
        ensure!(tcx(&namespace, "one", direction)?.is_empty());
    }
    Ok(())
}

/// Its filters and qdiscs would stay with their interfaces: unwinding takes them away. Others keep theirs.
fn panics(method: Method) -> Result<()> {
    let namespace = pair("panic")?;
    namespace.tc("qdisc add dev two clsact")?;
    let agent = Agent::start(&namespace, Settings::of(method))?;
    let maps = agent.descriptors()?.maps;
    ensure!(!programs_using(&maps)?.is_empty());
    agent.panic()?;
    for interface in ["one", "two"] {
        for direction in DIRECTIONS {
            ensure!(tcx(&namespace, interface, direction)?.is_empty(), "{interface} {direction:?}");
            ensure!(clsact(&namespace, interface, direction)?.is_empty(), "{interface} {direction:?}");
        }
    }
    ensure!(!has_qdisc(&namespace, "one")? && has_qdisc(&namespace, "two")?);
    until("the kernel frees the programs", SOON, || Ok(programs_using(&maps)?.is_empty()))
}

fn taken_over() -> Result<()> {
    let namespace = pair("take-over")?;
    Agent::start(&namespace, CLSACT)?.kill()?;
    let ingress = namespace.tc("filter show dev one ingress")?;
    ensure!(clsact(&namespace, "one", Direction::Ingress)? == ["1 ofe/default+qdisc"], "{ingress}");
    let mut agent = Agent::start(&namespace, CLSACT)?;
    ensure!(agent.summary.contains(&"swept 0".to_owned()) && agent.attached()? == 4, "{:?}", agent.summary);
    for direction in DIRECTIONS {
        ensure!(clsact(&namespace, "one", direction)?.len() == 1);
    }
    let id =
        |output: &str| output.split(" id ").nth(1).and_then(|rest| rest.split(' ').next()).map(str::to_owned);
    let now = namespace.tc("filter show dev one ingress")?;
    ensure!(id(&ingress).is_some() && id(&now) != id(&ingress), "the program is the new agent's: {now}");
    ensure!(agent.stop()?.is_empty());
    ensure!(
        !has_qdisc(&namespace, "one")? && !has_qdisc(&namespace, "two")?,
        "the killed agent made the qdisc"
    );
    Ok(())
}

fn swept(next: Settings) -> Result<()> {
    let namespace = pair("sweep")?;
    namespace.tc("qdisc add dev two clsact")?;
    Agent::start(&namespace, CLSACT)?.kill()?;
    let agent = Agent::start(&namespace, next)?;
    ensure!(agent.summary.contains(&"swept 4".to_owned()), "{:?}", agent.summary);
    ensure!(!has_qdisc(&namespace, "one")?);
    ensure!(has_qdisc(&namespace, "two")? && clsact(&namespace, "two", Direction::Egress)?.is_empty());
    agent.stop().map(drop)
}

fn temporary() -> Result<()> {
    let namespace = pair("temporary")?;
    let flows = Settings { instance: "temporary", ..CLSACT };
    let running = Agent::start(&namespace, flows)?;
    Agent::start(&namespace, flows)?.kill()?;
    ensure!(clsact(&namespace, "one", Direction::Ingress)?.len() == 2);
    let agent = Agent::start(&namespace, Settings::of(Method::Tcx))?;
    ensure!(agent.summary.contains(&"swept 4".to_owned()), "{:?}", agent.summary);
    ensure!(clsact(&namespace, "one", Direction::Ingress)?.len() == 1, "the running one keeps its filters");
    running.stop()?;
    ensure!(!has_qdisc(&namespace, "one")?);
    agent.stop().map(drop)
}

fn two_by_tcx() -> Result<()> {
    let namespace = pair("two-tcx")?;
    let first = Agent::start(&namespace, Settings::of(Method::Tcx))?;
    let second = Agent::start(&namespace, Settings { instance: "second", ..Settings::of(Method::Tcx) })?;
    ensure!(tcx(&namespace, "one", Direction::Ingress)?.len() == 2);
    first.stop()?;
    ensure!(tcx(&namespace, "one", Direction::Ingress)?.len() == 1);
    second.stop()?;
    ensure!(tcx(&namespace, "one", Direction::Ingress)?.is_empty());
    Ok(())
}

fn two_by_clsact() -> Result<()> {
    let namespace = pair("two-clsact")?;
    for first_ends_first in [true, false] {
        let first = Agent::start(&namespace, CLSACT)?;
        let second = Agent::start(&namespace, Settings { instance: "second", ..CLSACT })?;
        ensure!(clsact(&namespace, "one", Direction::Ingress)?.len() == 2);
        let (earlier, later) = if first_ends_first { (first, second) } else { (second, first) };
        earlier.stop()?;
        for direction in DIRECTIONS {
            ensure!(clsact(&namespace, "one", direction)?.len() == 1);
        }
        later.stop()?;
        ensure!(!has_qdisc(&namespace, "one")?, "whichever ends last removes the qdisc");
    }
    Ok(())
}

fn once() -> Result<()> {
    let (one, other) = (pair("once")?, pair("once-more")?);
    let running = Agent::start(&one, Settings::of(Method::Auto))?;
    let Err(refused) = Agent::start(&one, Settings::of(Method::Auto)) else { bail!("it started twice") };
    let text = refused.to_string();
    ensure!(text.contains("`default`") && text.contains("--instance"), "{text}");
    ensure!(matches!(one.enter(|| InstanceLock::acquire("default"))?, Err(InstanceError::Taken(_))));
    Agent::start(&other, Settings::of(Method::Auto))?.stop()?;
    running.kill()?;
    Agent::start(&one, Settings::of(Method::Auto))?.stop().map(drop)
}
