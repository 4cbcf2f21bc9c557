//! Three network namespaces in a row, as pods on a node: a and b, and r, which routes between them. Everything is gone when the
//! value is dropped.

use std::fs::File;
use std::net::Ipv4Addr;
use std::os::fd::AsFd;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use rustix::net::{AddressFamily, SocketType, netdevice, socket};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// The sender of everything.
pub(crate) const SENDER: Ipv4Addr = Ipv4Addr::new(10, 77, 1, 2);
/// Answers in b.
pub(crate) const RECEIVER: Ipv4Addr = Ipv4Addr::new(10, 77, 2, 2);
/// Two addresses that r sends to b and that nobody has there: b drops what comes, and says nothing.
pub(crate) const NOBODY: [Ipv4Addr; 2] = [Ipv4Addr::new(10, 77, 2, 3), Ipv4Addr::new(10, 77, 2, 4)];

/// The namespaces, by names that no other run has.
pub(crate) struct Lab {
    prefix: String,
}

/// A namespace of the row.
#[derive(Clone, Copy)]
pub(crate) enum Place {
    /// The sender's.
    A,
    /// The router, whose interfaces have the hooks.
    R,
    /// The receiver's.
    B,
}

impl Lab {
    pub(crate) fn new() -> Result<Self> {
        let lab = Self { prefix: format!("kernel-bench-{}", std::process::id()) };
        let [a, r, b] = [Place::A, Place::R, Place::B].map(|place| lab.name(place));
        for name in [&a, &r, &b] {
            ip(&["netns", "add", name])?;
            ip(&["-n", name, "link", "set", "lo", "up"])?;
        }
        ip(&["-n", &a, "link", "add", "a0", "type", "veth", "peer", "name", "ra", "netns", &r])?;
        ip(&["-n", &b, "link", "add", "b0", "type", "veth", "peer", "name", "rb", "netns", &r])?;
        for (name, device, address) in [
            (&a, "a0", "10.77.1.2/24"),
            (&r, "ra", "10.77.1.1/24"),
            (&r, "rb", "10.77.2.1/24"),
            (&b, "b0", "10.77.2.2/24"),
        ] {
            ip(&["-n", name, "address", "add", address, "dev", device])?;
            ip(&["-n", name, "link", "set", device, "up"])?;
        }
        ip(&["-n", &a, "route", "add", "default", "via", "10.77.1.1"])?;
        ip(&["-n", &b, "route", "add", "default", "via", "10.77.2.1"])?;
        ip(&["netns", "exec", &r, "sysctl", "-qw", "net.ipv4.ip_forward=1"])?;
        let mac = run(Command::new("ip").args(["netns", "exec", &b, "cat", "/sys/class/net/b0/address"]))?;
        for nobody in NOBODY {
            let nobody = nobody.to_string();
            ip(&["-n", &r, "neighbour", "add", &nobody, "lladdr", mac.trim(), "dev", "rb"])?;
        }
        Ok(lab)
    }

    /// Moves the calling thread.
    pub(crate) fn enter(&self, place: Place) -> Result<()> {
        let path = format!("/run/netns/{}", self.name(place));
        let namespace = File::open(&path).with_context(|| format!("cannot open {path}"))?;
        move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))
            .with_context(|| format!("cannot enter {path}"))
    }

    fn name(&self, place: Place) -> String {
        let letter = match place {
            Place::A => "a",
            Place::R => "r",
            Place::B => "b",
        };
        format!("{}-{letter}", self.prefix)
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        for place in [Place::A, Place::R, Place::B] {
            let _ = ip(&["netns", "delete", &self.name(place)]); // Already gone if `new` failed half-way.
        }
    }
}

/// Index of an interface in the calling thread's namespace.
pub(crate) fn ifindex(name: &str) -> Result<u32> {
    let any = socket(AddressFamily::INET, SocketType::DGRAM, None).context("cannot make a socket")?;
    netdevice::name_to_index(any, name).with_context(|| format!("cannot find the interface {name}"))
}

fn ip(arguments: &[&str]) -> Result<()> {
    run(Command::new("ip").args(arguments)).map(drop)
}

fn run(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("cannot run {command:?}"))?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?} failed: {}", complaint.trim());
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
