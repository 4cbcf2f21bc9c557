//! Which interfaces would be observed, and what is not seen there.

use std::fmt;

use crate::command::check::{Cause, Host, Item};
use crate::kernel::Selection;
use crate::kernel::probe::{self, Interface, Kind};

/// A node may have hundreds of interfaces.
const MAX_NAMES: usize = 8;

pub(super) fn items(host: &Host<'_>) -> Vec<Item> {
    let interfaces = match probe::interfaces(host.proc, host.sys) {
        Ok(interfaces) => interfaces,
        Err(error) => {
            let finding = format!("the interfaces cannot be read ({error})");
            return vec![Item::missing("interfaces", Cause::Unavailable, finding).with_remedy("mount /proc")];
        }
    };
    let sorted = Sorted::new(interfaces, host.selection);
    let mut items = vec![sorted.hooked()];
    items.extend(sorted.not_understood());
    items.extend(sorted.left_out());
    items.extend(bypasses(host));
    items
}

/// Interfaces by what would happen to them.
struct Sorted {
    hooked: Vec<Interface>,
    not_understood: Vec<Interface>,
    left_out: Vec<Interface>,
}

impl Sorted {
    fn new(interfaces: Vec<Interface>, selection: &Selection) -> Self {
        let mut sorted = Self { hooked: Vec::new(), not_understood: Vec::new(), left_out: Vec::new() };
        for interface in interfaces {
            // The name tells the loopback interface where its kind is not known: a namespace has one, and it is named so.
            let is_loopback = interface.kind == Kind::Loopback || interface.name == "lo";
            let place = if selection.choose(&interface.name, is_loopback).is_err() {
                &mut sorted.left_out
            } else if matches!(interface.kind, Kind::Other(_)) {
                &mut sorted.not_understood
            } else {
                &mut sorted.hooked
            };
            place.push(interface);
        }
        sorted
    }

    fn hooked(&self) -> Item {
        const SUBJECT: &str = "interfaces";
        if self.hooked.is_empty() {
            return Item::limited(
                SUBJECT,
                "none of this network namespace would be hooked, only ones that come",
            )
            .with_remedy("see --interface, --exclude-interface and --loopback, and the namespace");
        }
        let finding = format!("{} would be hooked: {}", self.hooked.len(), List(&self.hooked));
        if self.hooked.iter().any(|interface| interface.kind == Kind::Unknown) {
            return Item::limited(
                SUBJECT,
                format!("{finding}; /sys shows another network namespace, so their kinds are not known"),
            )
            .with_remedy("mount /sys in this namespace (ip netns exec does)");
        }
        Item::ok(SUBJECT, finding)
    }

    fn not_understood(&self) -> Option<Item> {
        let finding =
            || format!("no hook on {}: their frames are not understood", List(&self.not_understood));
        (!self.not_understood.is_empty()).then(|| Item::limited("interfaces", finding()))
    }

    fn left_out(&self) -> Option<Item> {
        let finding = || format!("the options leave out {}", List(&self.left_out));
        (!self.left_out.is_empty()).then(|| Item::ok("interfaces", finding()))
    }
}

fn bypasses(host: &Host<'_>) -> Vec<Item> {
    const SUBJECT: &str = "bypass";
    let found = probe::bypasses(host.sys);
    let mut items: Vec<Item> = found
        .iter()
        .map(|bypass| {
            Item::limited(SUBJECT, bypass.to_string()).with_remedy("observe on the next hop or inside")
        })
        .collect();
    // Said always: an empty list would be taken for "everything is seen".
    items.push(Item::ok(
        SUBJECT,
        format!(
            "{}; what XDP programs take and what a network card forwards by itself is not seen, and /sys does not show either",
            if found.is_empty() { "no device whose traffic passes tc by" } else { "no other device" }
        ),
    ));
    items
}

/// `eth0 (Ethernet), tun0 (IP without Ethernet) and 3 more`
struct List<'a>(&'a [Interface]);

impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, interface) in self.0.iter().take(MAX_NAMES).enumerate() {
            let before = if index == 0 { "" } else { ", " };
            write!(f, "{before}{} ({})", interface.name, interface.kind)?;
        }
        let more = self.0.len().saturating_sub(MAX_NAMES);
        if more == 0 { Ok(()) } else { write!(f, " and {more} more") }
    }
}
