//! Interfaces that come, go, move and change their names.

use std::collections::BTreeSet;
use std::time::Duration;

use abi::Direction;
use anyhow::{Context, Result, ensure};
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
    ("tcx_hooks_survive_the_loss_of_events", || loses_events(Method::Tcx)),
    ("clsact_hooks_survive_the_loss_of_events", || loses_events(Method::Clsact)),
    ("an_agent_waits_for_an_interface", waits),
    ("a_port_that_leaves_its_bridge_stays_hooked", leaves_bridge),
];

/// Waits for what takes no time on an idle machine.
const SOON: Duration = Duration::from_mins(1);

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

/// More changes than the kernel keeps for an agent that does not look: it lists what is there, and puts its hooks right.
fn loses_events(method: Method) -> Result<()> {
    let (here, there) = (Netns::new("loses")?, Netns::new("loses-there")?);
    let before = ["one", "renamed", "excluded", "deleted", "moved", "returned"];
    for name in before {
        here.veth(name, &format!("{name}-peer"))?;
    }
    let mut agent = Agent::start(&here, Settings::of(method))?;
    ensure!(agent.attached()? == 4 * before.len());
    agent.while_paused(|| {
        let mut changes = 0;
        while dropped_events(&here)? == 0 {
            ensure!(changes < 1_000_000, "the kernel keeps {changes} changes");
            here.ip_batch((changes..changes + 5000).map(|change| {
                let mtu = 1000 + change % 2;
                format!("link set one mtu {mtu}")
            }))?;
            changes += 5000;
        }
        here.ip("link del deleted")?;
        here.ip("link set renamed name other")?;
        here.ip("link set excluded name nope")?;
        here.ip(&format!("link set moved netns {}", there.name()))?;
        here.ip(&format!("link set returned netns {}", there.name()))?;
        there.ip(&format!("link set returned netns {}", here.name()))?;
        here.veth("made", "made-peer")
    })?;
    until("the loss of events is told", SOON, || Ok(!agent.ask("counters")?[0].contains("overruns: 0")))?;
    let there_are = interfaces(&here)?;
    let should: BTreeSet<String> = (there_are.iter().filter(|name| *name != "nope"))
        .flat_map(|name| [format!("{name} ingress"), format!("{name} egress")])
        .collect();
    // All of it: on the way there, the number of hooks may be right for a moment.
    until("the hooks are on what is there, with its names", SOON, || {
        agent.ask("forget")?;
        let named: BTreeSet<String> = agent.ask("hooks")?.into_iter().collect();
        let mut right = named == should && agent.attached()? == should.len();
        for name in &there_are {
            right &= hooks(&here, name, method)? == if name == "nope" { 0 } else { 2 };
        }
        Ok(right)
    })?;
    ensure!(hooks(&there, "moved", method)? == 0 && !has_qdisc(&there, "moved")?, "a hook moved along");
    ensure!(!has_qdisc(&here, "nope")?);
    ensure!(agent.stop()?.is_empty());
    Ok(())
}

/// Names of all but loopback.
fn interfaces(namespace: &Netns) -> Result<Vec<String>> {
    let list = namespace.ip("-br link")?;
    let names = list.lines().filter_map(|line| line.split(['@', ' ']).next());
    Ok(names.filter(|name| *name != "lo").map(str::to_owned).collect())
}

/// Events that the kernel could not keep for who follows interfaces in a namespace.
fn dropped_events(namespace: &Netns) -> Result<u64> {
    let table = namespace.enter(|| std::fs::read_to_string("/proc/thread-self/net/netlink"))??;
    let mut lines = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let titles = lines.next().context("no titles")?;
    let column = |title| titles.iter().position(|known| *known == title).context("no such column");
    let (protocol, groups, drops) = (column("Eth")?, column("Groups")?, column("Drops")?);
    let follows = |line: &Vec<&str>| line[protocol] == "0" && line[groups] != "00000000";
    lines.filter(follows).map(|line| Ok(line[drops].parse::<u64>()?)).sum()
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
