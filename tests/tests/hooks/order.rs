//! Where hooks stand among the programs of others, and what those keep.

use std::net::UdpSocket;

use abi::Direction;
use anyhow::{Result, ensure};
use exporter::kernel::Method;
use flow_tests::harness::Test;
use flow_tests::netns::Netns;

use crate::agent::{Agent, Settings};
use crate::kernel::{DIRECTIONS, Foreign, SHOT, UNSPEC, clsact, has_qdisc, tcx};

pub(crate) const TESTS: &[Test] = &[
    ("tcx_hooks_are_first_at_ingress_and_last_at_egress", tcx_order),
    ("clsact_hooks_are_first_at_ingress_and_last_at_egress", clsact_order),
    ("tcx_hooks_see_the_wire", || sees_the_wire(Method::Tcx)),
    ("clsact_hooks_see_the_wire", || sees_the_wire(Method::Clsact)),
    ("a_priority_of_another_kind_is_left_alone", other_kind),
    ("an_ingress_qdisc_is_left_alone", ingress_qdisc),
    ("filters_added_to_our_qdisc_keep_it", keeps_for_others),
    ("devices_without_a_link_layer_get_their_program", without_link_layer),
];

fn tcx_order() -> Result<()> {
    let namespace = Netns::new("tcx-order")?;
    namespace.veth("one", "two")?;
    let mut before = Foreign::load(UNSPEC)?;
    let mut after = Foreign::load(UNSPEC)?;
    for direction in DIRECTIONS {
        before.attach_tcx(&namespace, "one", direction)?;
    }
    let agent = Agent::start(&namespace, Settings::of(Method::Auto))?;
    ensure!(agent.summary[0] == "mechanism TCX", "{:?}", agent.summary);
    ensure!(tcx(&namespace, "one", Direction::Ingress)? == ["ethernet_ingre", "foreign"].map(cut));
    ensure!(tcx(&namespace, "one", Direction::Egress)? == ["foreign", "ethernet_egress"].map(cut));
    after.attach_tcx(&namespace, "one", Direction::Ingress)?;
    ensure!(
        tcx(&namespace, "one", Direction::Ingress)?
            .first()
            .is_some_and(|first| first.starts_with("ethernet_in"))
    );

    ensure!(agent.stop()?.is_empty());
    ensure!(tcx(&namespace, "one", Direction::Ingress)? == ["foreign", "foreign"]);
    ensure!(tcx(&namespace, "one", Direction::Egress)? == ["foreign"]);
    Ok(())
}

/// The kernel keeps 15 characters of a program's name.
fn cut(name: &str) -> String {
    let name = if name.starts_with("ethernet_ingre") { "ethernet_ingress" } else { name };
    name.chars().take(15).collect()
}

fn clsact_order() -> Result<()> {
    let namespace = Netns::new("clsact-order")?;
    namespace.veth("one", "two")?;
    namespace.tc("qdisc add dev one clsact")?;
    let mut foreign = Foreign::load(UNSPEC)?;
    for direction in DIRECTIONS {
        foreign.attach_clsact(&namespace, "one", direction, 1)?;
        foreign.attach_clsact(&namespace, "one", direction, 100)?;
    }
    let agent = Agent::start(&namespace, Settings::of(Method::Clsact))?;
    ensure!(agent.summary[0] == "mechanism clsact", "{:?}", agent.summary);
    foreign.attach_clsact(&namespace, "one", Direction::Ingress, 50)?;
    let ingress = clsact(&namespace, "one", Direction::Ingress)?;
    ensure!(ingress == ["1 ofe/default", "1 foreign", "50 foreign", "100 foreign"], "{ingress:?}");
    let egress = clsact(&namespace, "one", Direction::Egress)?;
    ensure!(egress == ["1 foreign", "100 foreign", "65535 ofe/default"], "{egress:?}");
    ensure!(clsact(&namespace, "two", Direction::Egress)? == ["65535 ofe/default+qdisc"]);

    ensure!(agent.stop()?.is_empty());
    ensure!(clsact(&namespace, "one", Direction::Ingress)? == ["1 foreign", "50 foreign", "100 foreign"]);
    ensure!(clsact(&namespace, "one", Direction::Egress)? == ["1 foreign", "100 foreign"]);
    ensure!(has_qdisc(&namespace, "one")? && !has_qdisc(&namespace, "two")?);
    Ok(())
}

/// What another drops at ingress is counted, because it came in; what another drops at egress is not, because it never left.
fn sees_the_wire(method: Method) -> Result<()> {
    let (here, there) = (Netns::new("here")?, Netns::new("there")?);
    here.connect(("one", "192.0.2.1/24"), &there, ("two", "192.0.2.2/24"))?;
    let mac = there.mac("two")?;
    here.ip(&format!("neigh replace 192.0.2.2 lladdr {mac} dev one nud permanent"))?;
    let mut agents =
        [Agent::start(&here, Settings::of(method))?, Agent::start(&there, Settings::of(method))?];
    let mut foreign = Foreign::load(SHOT)?;
    let mut sent = |port: u16| -> Result<[u64; 2]> {
        for agent in &mut agents {
            agent.counts()?;
        }
        here.enter(|| {
            let socket = UdpSocket::bind("192.0.2.1:0")?;
            (0..100).try_for_each(|_| socket.send_to(b"x", ("192.0.2.2", port)).map(drop))
        })??;
        let [here, there] = &mut agents;
        let count = |agent: &mut Agent, hook: &str| {
            anyhow::Ok(agent.counts()?.get(hook).copied().unwrap_or_default())
        };
        // Neighbour discovery and the like may add a few.
        Ok([count(here, "one egress")?.min(100), count(there, "two ingress")?.min(100)])
    };
    let attach = |foreign: &mut Foreign, namespace, interface, direction| match method {
        Method::Clsact => foreign.attach_clsact(namespace, interface, direction, 7),
        _ => foreign.attach_tcx(namespace, interface, direction),
    };
    ensure!(sent(9)? == [100, 100]);
    attach(&mut foreign, &there, "two", Direction::Ingress)?;
    ensure!(sent(9)? == [100, 100], "what another drops after us at ingress came in");
    if method == Method::Clsact {
        attach(&mut foreign, &here, "one", Direction::Egress)?;
        let [egress, ingress] = sent(9)?;
        ensure!(
            egress < 10 && ingress < 10,
            "what another drops before us at egress never left: {egress} {ingress}"
        );
    }
    Ok(())
}

fn other_kind() -> Result<()> {
    let namespace = Netns::new("other-kind")?;
    namespace.veth("one", "two")?;
    namespace.tc("qdisc add dev one clsact")?;
    for (direction, priority) in [("ingress", 1), ("egress", 65535)] {
        namespace.tc(&format!(
            "filter add dev one {direction} protocol ip prio {priority} u32 match u32 0 0 flowid 1:1"
        ))?;
    }
    let agent = Agent::start(&namespace, Settings::of(Method::Clsact))?;
    let ours = |direction| -> Result<Vec<String>> {
        Ok(clsact(&namespace, "one", direction)?
            .into_iter()
            .filter(|filter| filter.contains("ofe/"))
            .collect())
    };
    ensure!(ours(Direction::Ingress)? == ["2 ofe/default"]);
    ensure!(ours(Direction::Egress)? == ["65534 ofe/default"]);
    agent.stop()?;
    for direction in ["ingress", "egress"] {
        ensure!(namespace.tc(&format!("filter show dev one {direction}"))?.contains("u32"));
    }
    Ok(())
}

fn ingress_qdisc() -> Result<()> {
    let namespace = Netns::new("ingress")?;
    namespace.veth("one", "two")?;
    namespace.tc("qdisc add dev one ingress")?;
    let agent = Agent::start(&namespace, Settings::of(Method::Clsact))?;
    let failed: Vec<_> = agent.summary.iter().filter(|line| line.starts_with("failed")).collect();
    ensure!(
        failed.len() == 1 && failed[0].contains("one at egress") && failed[0].contains("TCX"),
        "{failed:?}"
    );
    ensure!(clsact(&namespace, "one", Direction::Ingress)?.len() == 1);
    agent.stop()?;
    ensure!(namespace.tc("qdisc show dev one")?.contains("ingress"));
    ensure!(clsact(&namespace, "one", Direction::Ingress)?.is_empty());
    Ok(())
}

fn keeps_for_others() -> Result<()> {
    let namespace = Netns::new("keeps")?;
    namespace.veth("one", "two")?;
    let agent = Agent::start(&namespace, Settings::of(Method::Clsact))?;
    Foreign::load(UNSPEC)?.attach_clsact(&namespace, "one", Direction::Egress, 3)?;
    ensure!(agent.stop()?.is_empty());
    ensure!(clsact(&namespace, "one", Direction::Egress)? == ["3 foreign"]);
    ensure!(clsact(&namespace, "one", Direction::Ingress)?.is_empty());
    Ok(())
}

fn without_link_layer() -> Result<()> {
    let namespace = Netns::new("tun")?;
    namespace.ip("tuntap add dev three mode tun")?;
    let agent = Agent::start(&namespace, Settings::of(Method::Tcx))?;
    ensure!(tcx(&namespace, "three", Direction::Ingress)? == ["ip_ingress"]);
    ensure!(tcx(&namespace, "three", Direction::Egress)? == ["ip_egress"]);
    ensure!(tcx(&namespace, "lo", Direction::Egress)?.is_empty());
    agent.stop().map(drop)
}
