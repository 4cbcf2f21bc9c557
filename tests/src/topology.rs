//! Two hosts, or two hosts with a router between them, without any traffic of the kernel's own.

use crate::netns::Netns;
use anyhow::Result;

/// The client.
pub const CLIENT: &str = "10.77.1.1";
/// The server.
pub const SERVER: &str = "10.77.1.2";
/// The client, where there is IPv6.
pub const CLIENT_V6: &str = "fd00:77::1";
/// The server, where there is IPv6.
pub const SERVER_V6: &str = "fd00:77::2";
/// The server beyond the router.
pub const FAR_SERVER: &str = "10.77.2.2";

/// `client` with `c0`, `server` with `s0`, joined.
pub struct Pair {
    /// Where flows begin.
    pub client: Netns,
    /// Where they go.
    pub server: Netns,
}

impl Pair {
    /// Joins them.
    ///
    /// # Errors
    /// Without root or iproute2.
    pub fn new() -> Result<Self> {
        let (client, server) = (quiet("client")?, quiet("server")?);
        client.connect(("c0", "10.77.1.1/24"), &server, ("s0", "10.77.1.2/24"))?;
        silence(&client, "c0", SERVER, &server.mac("s0")?)?;
        silence(&server, "s0", CLIENT, &client.mac("c0")?)?;
        Ok(Self { client, server })
    }

    /// With interfaces that count what a wire would carry.
    ///
    /// # Errors
    /// Without root, iproute2 or ethtool.
    pub fn without_offloads() -> Result<Self> {
        let pair = Self::new()?;
        for (namespace, interface) in [(&pair.client, "c0"), (&pair.server, "s0")] {
            namespace.run(&["ethtool", "-K", interface, "tso", "off", "gso", "off", "gro", "off"])?;
        }
        // A window that the backlog of a virtual interface holds: nothing is dropped between the hook and the counters.
        sysctl(&pair.server, "net.ipv4.tcp_rmem=4096 65536 65536")?;
        Ok(pair)
    }

    /// With IPv6 addresses as well.
    ///
    /// # Errors
    /// Without root or iproute2.
    pub fn with_ipv6() -> Result<Self> {
        let pair = Self::new()?;
        for (namespace, interface, address, peer) in [
            (&pair.client, "c0", CLIENT_V6, (SERVER_V6, pair.server.mac("s0")?)),
            (&pair.server, "s0", SERVER_V6, (CLIENT_V6, pair.client.mac("c0")?)),
        ] {
            sysctl(namespace, &format!("net.ipv6.conf.{interface}.disable_ipv6=0"))?;
            namespace.ip(&format!("addr add {address}/64 dev {interface} nodad"))?;
            namespace
                .ip(&format!("neigh replace {} lladdr {} dev {interface} nud permanent", peer.0, peer.1))?;
        }
        Ok(pair)
    }
}

/// `client` with `c0`, `router` with `rc` and `rs`, `server` with `s0`.
pub struct Routed {
    /// Where flows begin.
    pub client: Netns,
    /// What is between them.
    pub router: Netns,
    /// Where they go.
    pub server: Netns,
}

impl Routed {
    /// Joins them.
    ///
    /// # Errors
    /// Without root or iproute2.
    pub fn new() -> Result<Self> {
        let (client, router, server) = (quiet("client")?, quiet("router")?, quiet("server")?);
        client.connect(("c0", "10.77.1.1/24"), &router, ("rc", "10.77.1.254/24"))?;
        server.connect(("s0", "10.77.2.2/24"), &router, ("rs", "10.77.2.254/24"))?;
        sysctl(&router, "net.ipv4.ip_forward=1")?;
        client.ip("route add default via 10.77.1.254")?;
        server.ip("route add default via 10.77.2.254")?;
        silence(&client, "c0", "10.77.1.254", &router.mac("rc")?)?;
        silence(&router, "rc", CLIENT, &client.mac("c0")?)?;
        silence(&router, "rs", FAR_SERVER, &server.mac("s0")?)?;
        silence(&server, "s0", "10.77.2.254", &router.mac("rs")?)?;
        Ok(Self { client, router, server })
    }
}

/// A namespace whose interfaces do not speak IPv6 by themselves.
///
/// # Errors
/// Without root or iproute2.
pub fn quiet(label: &str) -> Result<Netns> {
    let namespace = Netns::new(label)?;
    sysctl(&namespace, "net.ipv6.conf.all.disable_ipv6=1")?;
    sysctl(&namespace, "net.ipv6.conf.default.disable_ipv6=1")?;
    sysctl(&namespace, "net.ipv6.conf.all.router_solicitations=0")?;
    sysctl(&namespace, "net.ipv6.conf.default.router_solicitations=0")?;
    namespace.ip("link set lo up")?;
    Ok(namespace)
}

/// Neighbours are known, so nobody asks for them.
fn silence(namespace: &Netns, interface: &str, neighbour: &str, mac: &str) -> Result<()> {
    namespace.ip(&format!("neigh replace {neighbour} lladdr {mac} dev {interface} nud permanent")).map(drop)
}

fn sysctl(namespace: &Netns, setting: &str) -> Result<()> {
    namespace.run(&["sysctl", "-qw", setting]).map(drop)
}
