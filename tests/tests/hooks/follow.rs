//! Interfaces that come, go, move and change their names.

use std::time::Duration;

use abi::Direction;
use anyhow::{Result, ensure};
use exporter::kernel::Method;
use flow_tests::harness::{Test, until};
use flow_tests::netns::Netns;

use crate::agent::{Agent, Settings};
use crate::kernel::{DIRECTIONS, clsact, has_qdisc, tcx};

pub(crate) const TESTS: &[Test] = &[
    ("tcx_hooks_follow_interfaces", || follows(Method::Tcx)),
    ("clsact_hooks_follow_interfaces", || follows(Method::Clsact)),
    ("tcx_hooks_do_not_move_to_other_namespaces", || moves(Method::Tcx)),
    ("clsact_hooks_do_not_move_to_other_namespaces", || moves(Method::Clsact)),
    ("an_agent_waits_for_an_interface", waits),
    ("a_port_that_leaves_its_bridge_stays_hooked", leaves_bridge),
];

const SOON: Duration = Duration::from_secs(10);

fn hooks(namespace: &Netns, interface: &str, method: Method) -> Result<usize> {
    let count = |direction| match method {
        Method::Clsact => clsact(namespace, interface, direction).map(|filters| filters.len()),
        _ => tcx(namespace, interface, direction).map(|programs| programs.len()),
    };
    Ok(count(Direction::Ingress)? + count(Direction::Egress)?)
}

fn follows(method: Method) -> Result<()> {
    let namespace = Netns::new("follow")?;
    namespace.veth("one", "two")?;
    let mut agent = Agent::start(&namespace, Settings::of(method))?;
    ensure!(agent.attached()? == 4, "interfaces that are down are hooked too");

    namespace.veth("three", "four")?;
    until("new interfaces are hooked", SOON, || Ok(agent.attached()? == 8))?;
    ensure!(hooks(&namespace, "three", method)? == 2);

    namespace.ip("link set one name uno")?;
    until("the hook has the new name", SOON, || Ok(agent.ask("hooks")?.contains(&"uno ingress".to_owned())))?;
    ensure!(hooks(&namespace, "uno", method)? == 2 && agent.attached()? == 8);

    namespace.ip("link set uno name nope")?;
    until("a name that is excluded detaches", SOON, || Ok(agent.attached()? == 6))?;
    ensure!(hooks(&namespace, "nope", method)? == 0 && !has_qdisc(&namespace, "nope")?);

    namespace.ip("link set nope name one")?;
    until("a name that is included attaches", SOON, || Ok(agent.attached()? == 8))?;
    ensure!(hooks(&namespace, "one", method)? == 2);

    namespace.ip("link del three")?;
    until("deleted interfaces are forgotten", SOON, || Ok(agent.attached()? == 4))?;
    ensure!(agent.ask("counters")?[0].contains("overruns: 0"));
    ensure!(agent.stop()?.is_empty());
    ensure!(hooks(&namespace, "one", method)? == 0 && !has_qdisc(&namespace, "one")?);
    Ok(())
}

fn moves(method: Method) -> Result<()> {
    let (here, there) = (Netns::new("here")?, Netns::new("there")?);
    here.veth("one", "two")?;
    let mut agent = Agent::start(&here, Settings::of(method))?;
    here.ip(&format!("link set one netns {}", there.name()))?;
    until(
        "the hooks stay behind",
        SOON,
        || Ok(agent.attached()? == 2 && hooks(&there, "one", method)? == 0),
    )?;
    ensure!(!has_qdisc(&there, "one")?);
    there.ip(&format!("link set one netns {}", here.name()))?;
    until("the interface is hooked again", SOON, || {
        Ok(agent.attached()? == 4 && hooks(&here, "one", method)? == 2)
    })?;

    // Away and back before the agent has looked: the same index, and yet the filters are gone.
    for _ in 0..5 {
        here.ip(&format!("link set one netns {}", there.name()))?;
        there.ip(&format!("link set one netns {}", here.name()))?;
    }
    until("the interface is hooked in the end", SOON, || {
        Ok(agent.attached()? == 4 && hooks(&here, "one", method)? == 2)
    })?;
    ensure!(agent.stop()?.is_empty());
    ensure!(hooks(&here, "one", method)? == 0);
    Ok(())
}

fn waits() -> Result<()> {
    let namespace = Netns::new("waits")?;
    let mut agent = Agent::start(&namespace, Settings::of(Method::Auto))?;
    ensure!(agent.summary[0] == "mechanism none" && agent.attached()? == 0);
    namespace.veth("one", "two")?;
    until("interfaces are hooked as they come", SOON, || Ok(agent.attached()? == 4))?;
    agent.stop().map(drop)
}

fn leaves_bridge() -> Result<()> {
    let namespace = Netns::new("bridge")?;
    namespace.veth("one", "two")?;
    namespace.ip("link add bridge type bridge")?;
    namespace.ip("link set one master bridge")?;
    let mut agent = Agent::start(&namespace, Settings::of(Method::Tcx))?;
    namespace.ip("link set one nomaster")?;
    namespace.veth("last", "mark")?;
    until("the later interface is hooked", SOON, || Ok(agent.attached()? == 10))?;
    for direction in DIRECTIONS {
        ensure!(tcx(&namespace, "one", direction)?.len() == 1);
    }
    agent.stop().map(drop)
}
