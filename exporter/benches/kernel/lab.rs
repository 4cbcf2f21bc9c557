//! Three network namespaces in a row, as pods on a node: a and b, and r, which routes between them. Everything is gone when the
//! value is dropped.

use std::net::Ipv4Addr;

use anyhow::{Context, Result};
use flow_tests::netns::Netns;
use rustix::net::{AddressFamily, SocketType, netdevice, socket};

/// The sender of everything.
pub(crate) const SENDER: Ipv4Addr = Ipv4Addr::new(10, 77, 1, 2);
/// Answers in b.
pub(crate) const RECEIVER: Ipv4Addr = Ipv4Addr::new(10, 77, 2, 2);
/// Two addresses that r sends to b and that nobody has there: b drops what comes, and says nothing.
pub(crate) const NOBODY: [Ipv4Addr; 2] = [Ipv4Addr::new(10, 77, 2, 3), Ipv4Addr::new(10, 77, 2, 4)];

/// The namespaces.
pub(crate) struct Lab {
    /// The sender's.
    pub(crate) a: Netns,
    /// The router, whose interfaces `ra` and `rb` have the hooks.
    pub(crate) r: Netns,
    /// The receiver's.
    pub(crate) b: Netns,
}

impl Lab {
    pub(crate) fn new() -> Result<Self> {
        let (a, r, b) = (Netns::new("a")?, Netns::new("r")?, Netns::new("b")?);
        a.connect(("a0", "10.77.1.2/24"), &r, ("ra", "10.77.1.1/24"))?;
        b.connect(("b0", "10.77.2.2/24"), &r, ("rb", "10.77.2.1/24"))?;
        a.ip("route add default via 10.77.1.1")?;
        b.ip("route add default via 10.77.2.1")?;
        r.run(&["sysctl", "-qw", "net.ipv4.ip_forward=1"])?;
        let mac = b.mac("b0")?;
        for nobody in NOBODY {
            r.ip(&format!("neighbour add {nobody} lladdr {mac} dev rb"))?;
        }
        Ok(Self { a, r, b })
    }
}

/// Index of an interface in the calling thread's namespace.
pub(crate) fn ifindex(name: &str) -> Result<u32> {
    let any = socket(AddressFamily::INET, SocketType::DGRAM, None).context("cannot make a socket")?;
    netdevice::name_to_index(any, name).with_context(|| format!("cannot find the interface {name}"))
}
