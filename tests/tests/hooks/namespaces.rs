//! Network namespaces that come and go, and what is in them.

use std::fs;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::time::Duration;

use abi::Direction;
use anyhow::{Context, Result, ensure};
use exporter::kernel::{Filter, GracePeriod, Method, Sizes, load};
use flow_tests::harness::{Test, until};
use flow_tests::netns::Netns;
use packet::Link;

use crate::agent::{Agent, Settings, program};
use crate::kernel::{DIRECTIONS, clsact, has_qdisc, tcx};

pub(crate) const TESTS: &[Test] = &[
    ("a_pods_interface_is_hooked_where_the_machine_sees_nothing_of_it", second_interface),
    ("a_pods_end_is_hooked_where_the_machines_end_is_not", alone),
    ("a_namespace_that_nobody_uses_ends", || ends(Method::Tcx)),
    ("a_namespace_that_nobody_uses_ends_with_its_filters", || ends(Method::Clsact)),
    ("a_namespace_is_found_by_its_processes", by_process),
    ("equal_indexes_of_namespaces_are_told_apart", equal_indexes),
    ("the_programs_of_a_namespace_were_loaded_before_it_came", spares),
];

const SOON: Duration = Duration::from_secs(30);

fn settings(method: Method) -> Settings {
    Settings { all_namespaces: true, ..Settings::of(method) }
}

fn hooks(namespace: &Netns, interface: &str, method: Method) -> Result<usize> {
    let of = |direction| match method {
        Method::Clsact => clsact(namespace, interface, direction),
        _ => tcx(namespace, interface, direction),
    };
    DIRECTIONS.iter().map(|direction| Ok(of(*direction)?.len())).sum()
}

/// A pod with the usual pair, and a macvlan on the machine's uplink.
fn machine_and_pod() -> Result<(Netns, Netns)> {
    let (machine, pod) = (Netns::new("machine")?, Netns::new("pod")?);
    machine.connect(("host", "10.7.0.1/24"), &pod, ("eth0", "10.7.0.2/24"))?;
    machine.veth("uplink", "wire")?;
    machine.ip(&format!("link add link uplink name net1 netns {} type macvlan mode bridge", pod.name()))?;
    Ok((machine, pod))
}

fn second_interface() -> Result<()> {
    let (machine, pod) = machine_and_pod()?;
    let mut agent = Agent::start(&machine, settings(Method::Tcx))?;
    ensure!(agent.attached()? == 6, "a namespace that nobody shows is not hooked");

    agent.isolated()?.show(&pod, "pod")?;
    until("the second interface is hooked", SOON, || Ok(agent.attached()? == 8))?;
    let known = agent.ask("hooks")?;
    ensure!(known.contains(&"net1 ingress in pod".to_owned()), "{known:?}");
    ensure!(hooks(&pod, "net1", Method::Tcx)? == 2 && hooks(&pod, "eth0", Method::Tcx)? == 0);
    ensure!(known.iter().all(|hook| !hook.contains(" in ") || hook.ends_with(" in pod")), "{known:?}");

    // An interface that comes later.
    pod.veth("one", "two")?;
    until("later interfaces are hooked", SOON, || Ok(agent.attached()? == 12))?;

    ensure!(agent.stop()?.is_empty());
    ensure!(hooks(&pod, "net1", Method::Tcx)? == 0 && hooks(&pod, "one", Method::Tcx)? == 0);
    Ok(())
}

fn alone() -> Result<()> {
    let (machine, pod) = machine_and_pod()?;
    machine.ip("link set host name nohost")?;
    let mut agent = Agent::start(&machine, settings(Method::Tcx))?;
    agent.isolated()?.show(&pod, "pod")?;
    until("both of the pod's interfaces are hooked", SOON, || Ok(agent.attached()? == 4 + 4))?;
    ensure!(hooks(&pod, "eth0", Method::Tcx)? == 2);
    agent.stop().map(drop)
}

/// The kernel deletes both ends of a pair with the namespace that one is in: then nothing refers to it any more.
fn ends(method: Method) -> Result<()> {
    let (machine, pod) = machine_and_pod()?;
    let mut agent = Agent::start(&machine, settings(method))?;
    agent.isolated()?.show(&pod, "pod")?;
    until("the pod is hooked", SOON, || Ok(hooks(&pod, "net1", method)? == 2))?;

    // Only hidden: it goes on, without hooks.
    agent.isolated()?.hide("pod")?;
    until("what can no longer be seen is let go", SOON, || Ok(hooks(&pod, "net1", method)? == 0))?;
    ensure!(!has_qdisc(&pod, "net1")?);
    agent.isolated()?.show(&pod, "again")?;
    until("it is hooked again", SOON, || Ok(hooks(&pod, "net1", method)? == 2))?;
    ensure!(agent.ask("hooks")?.contains(&"net1 ingress in again".to_owned()));

    // The agent is the only one that refers to it.
    drop(pod);
    ensure!(machine.ip("link show host").is_ok(), "the agent keeps it for now");
    agent.isolated()?.hide("again")?;
    until("the kernel frees the namespace", SOON, || Ok(machine.ip("link show host").is_err()))?;
    until("its hooks are gone", SOON, || Ok(agent.attached()? == 4))?;
    agent.ask("forget")?;
    ensure!(!agent.ask("hooks")?.iter().any(|hook| hook.contains(" in ")), "hooks are forgotten");
    ensure!(agent.stop()?.is_empty());
    Ok(())
}

fn by_process() -> Result<()> {
    let (machine, pod) = machine_and_pod()?;
    let mut agent = Agent::start(&machine, settings(Method::Tcx))?;
    let mut process = agent.isolated()?.inhabit(&pod)?;
    until("the namespace of a process is hooked", SOON, || Ok(agent.attached()? == 8))?;
    ensure!(agent.ask("hooks")?.iter().any(|hook| hook.starts_with("net1 ingress in pid ")));
    drop(process.stdin.take());
    process.wait()?;
    until("it is let go with the process", SOON, || Ok(agent.attached()? == 6))?;
    ensure!(hooks(&pod, "net1", Method::Tcx)? == 0);
    agent.stop().map(drop)
}

fn equal_indexes() -> Result<()> {
    let machine = Netns::new("machine")?;
    let pods = [Netns::new("a")?, Netns::new("b")?];
    let mut agent = Agent::start(&machine, settings(Method::Tcx))?;
    for (pod, name) in pods.iter().zip(["a", "b"]) {
        pod.enter(|| std::fs::write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1"))??;
        pod.veth("one", "two")?;
        agent.isolated()?.show(pod, name)?;
    }
    ensure!(pods[0].ip("-o link show one")?[..2] == pods[1].ip("-o link show one")?[..2], "equal indexes");
    until("both are hooked", SOON, || Ok(agent.attached()? == 8))?;
    for (pod, packets) in pods.iter().zip([3, 5]) {
        for command in ["addr add 10.7.0.1/24 dev one", "link set one up", "link set two up"] {
            pod.ip(command)?;
        }
        pod.ip("neigh add 10.7.0.2 lladdr 02:00:00:00:00:02 dev one")?;
        until("the link has its carrier", SOON, || Ok(pod.ip("link show one")?.contains("state UP")))?;
        let socket = pod.enter(|| UdpSocket::bind("10.7.0.1:5000"))??;
        for _ in 0..packets {
            socket.send_to(b"packet", "10.7.0.2:6000")?;
        }
    }
    let counts = agent.counts()?;
    let count = |hook: &str| counts.get(hook).copied().unwrap_or_default();
    ensure!(count("one egress in a") == 3 && count("two ingress in a") == 3, "{counts:?}");
    ensure!(count("one egress in b") == 5 && count("two ingress in b") == 5, "{counts:?}");
    agent.stop().map(drop)
}

/// The kernel numbers programs in the order in which they are loaded. So what a namespace gets was loaded before what the test loads before
/// it shows the namespace.
fn spares() -> Result<()> {
    const ONE_SET: usize = 4;
    let (machine, pods) = (Netns::new("machine")?, [Netns::new("a")?, Netns::new("b")?]);
    let mut agent = Agent::start(&machine, settings(Method::Tcx))?;
    for (before, (pod, name)) in pods.iter().zip(["a", "b"]).enumerate() {
        pod.veth("one", "two")?;
        // The machine's set, those of the pods before, and one that nobody has.
        until("a set is to spare", SOON, || Ok(agent.programs()?.0.len() == (before + 2) * ONE_SET))?;
        let known = agent.programs()?.1;
        let marker = loaded_now()?;
        agent.isolated()?.show(pod, name)?;
        until("the pod is hooked", SOON, || Ok(agent.attached()? == 4 * (before + 1)))?;
        let programs: Vec<_> = agent.programs()?.1.difference(&known).copied().collect();
        ensure!(programs.len() == 2, "both directions of Ethernet: {programs:?}");
        ensure!(programs.iter().all(|program| *program < marker), "{programs:?} after {marker}");
    }
    agent.stop().map(drop)
}

/// The kernel's number of a program that is loaded now.
fn loaded_now() -> Result<u32> {
    let loaded = load(0, Sizes::of_observations(1024), &Filter::default(), GracePeriod::probe()?)?;
    let fd = loaded.programs.fd(Link::Ethernet, Direction::Ingress);
    let info = fs::read_to_string(format!("/proc/self/fdinfo/{}", fd.as_raw_fd()))?;
    program(&info)?.context("no number")
}
