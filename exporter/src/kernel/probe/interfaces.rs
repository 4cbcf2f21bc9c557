//! Interfaces of the network namespace of this process, and what kind each is.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::io;
use std::path::Path;

use packet::Link;

use crate::kernel::interfaces;
use crate::kernel::probe::{names, text};

/// A network interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// What its frames begin with.
    pub kind: Kind,
}

/// What the frames of an interface begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Ethernet header.
    Ethernet,
    /// Ethernet header, of the loopback interface.
    Loopback,
    /// IP header: tun, WireGuard, IP in IP, GRE and the like.
    Ip,
    /// Something else, by `ARPHRD_` number (include/uapi/linux/if_arp.h): it is not understood.
    Other(u16),
    /// Not known, as the `sys` that is mounted shows another network namespace.
    Unknown,
}

/// Interfaces of this network namespace by name, and whether `sys` shows the same ones.
///
/// # Errors
/// As of reading `proc`.
pub fn interfaces(proc: &Path, sys: &Path) -> io::Result<Vec<Interface>> {
    // Two header lines, then a line for each interface; no name has a colon (net/core/dev.c, dev_valid_name).
    let devices = fs::read_to_string(proc.join("self/net/dev"))?;
    let here: BTreeSet<String> =
        devices.lines().skip(2).filter_map(|line| Some(line.split_once(':')?.0.trim().to_owned())).collect();
    // `sys` shows the namespace of who mounted it, which after a change of namespace is another's (ip-netns mounts it anew).
    let class = sys.join("class/net");
    let type_of = |name: &str| text(&class.join(name).join("type"))?.parse().ok();
    let shown: BTreeSet<String> = names(&class).into_iter().filter(|name| type_of(name).is_some()).collect();
    let same = here == shown;
    let kind = |name: &str| if same { type_of(name).map_or(Kind::Unknown, Kind::of) } else { Kind::Unknown };
    Ok(here.into_iter().map(|name| Interface { kind: kind(&name), name }).collect())
}

impl Kind {
    fn of(link_type: u16) -> Self {
        match interfaces::link(link_type) {
            Some(Link::Ethernet) if link_type == libc::ARPHRD_LOOPBACK => Self::Loopback,
            Some(Link::Ethernet) => Self::Ethernet,
            Some(Link::Ip) => Self::Ip,
            None => Self::Other(link_type),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ethernet => f.write_str("Ethernet"),
            Self::Loopback => f.write_str("loopback"),
            Self::Ip => f.write_str("IP without Ethernet"),
            Self::Other(link_type) => write!(f, "link type {link_type}"),
            Self::Unknown => f.write_str("kind not known"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::probe::fixture::Fixture;

    fn kinds(host: &Fixture) -> Vec<(String, Kind)> {
        let interfaces = interfaces(&host.proc(), &host.sys()).unwrap();
        interfaces.into_iter().map(|interface| (interface.name, interface.kind)).collect()
    }

    #[test]
    fn each_interface_has_its_kind() {
        let host = Fixture::healthy();
        host.interface("tun0", 65534).interface("gre0", 778).interface("ib0", 32);
        // A file beside the interfaces, as the bonding driver has one.
        host.file("sys/class/net/bonding_masters", "\n");
        let expected = [
            ("eth0", Kind::Ethernet),
            ("gre0", Kind::Ip),
            ("ib0", Kind::Other(32)),
            ("lo", Kind::Loopback),
            ("tun0", Kind::Ip),
        ];
        assert_eq!(kinds(&host), expected.map(|(name, kind)| (name.to_owned(), kind)));
    }

    #[test]
    fn what_the_programs_read_is_understood() {
        let host = Fixture::healthy();
        host.interface("ppp0", 512).interface("wwan0", 519).interface("ip6gre0", 823);
        for (name, kind) in kinds(&host).iter().filter(|(name, _)| !matches!(&**name, "eth0" | "lo")) {
            assert_eq!(*kind, Kind::Ip, "{name}");
        }
    }

    #[test]
    fn kinds_of_another_namespace_are_not_taken_for_ours() {
        let host = Fixture::healthy();
        host.file("sys/class/net/veth7/type", "1\n");
        assert!(kinds(&host).iter().all(|(_, kind)| *kind == Kind::Unknown));
    }

    #[test]
    fn without_proc_there_is_an_error() {
        let host = Fixture::new();
        assert!(interfaces(&host.proc(), &host.sys()).is_err());
    }
}
