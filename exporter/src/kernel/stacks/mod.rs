//! What the network stacks of this machine know of who began a flow. Each network namespace has one.
//!
//! [`Stacks`] is asked; a [`Stack`] is what of one namespace is asked: its addresses, its sockets, its connection tracking. `owners`
//! says in which namespace an address is, so that only those are asked that can know.

mod addresses;
mod conntrack;
mod owners;
mod problem;
mod registry;
mod servers;
mod slot;
mod sockets;
mod stack;
mod zones;

pub use self::registry::Stacks;
pub use self::sockets::{Sockets, SocketsError};
pub(super) use self::stack::Stack;
pub use self::zones::Opening;

/// Reads a message of netlink as all that is asked for here: see [`crate::check`].
#[cfg(any(test, feature = "check"))]
pub(super) fn check(body: &[u8], packets: &crate::flow::Tuple) {
    let _ = addresses::local(body);
    let opener = conntrack::opener(body, packets);
    assert!(opener.is_none() || opener == Some(*packets) || opener == packets.reverse(), "{opener:?}");
    let mut zones = zones::Zones::default();
    zones.want(packets);
    let read = zones.list(|take| {
        conntrack::entry(body).iter().for_each(take);
        Ok::<_, ()>(())
    });
    let opening = zones.opening(packets);
    assert!(read.is_ok() && opening.is_none_or(|opening| opening != Opening::Later), "{opening:?}");
}

/// The same of a text below /proc.
#[cfg(any(test, feature = "check"))]
pub(super) fn check_ports(text: &str) {
    let _ = sockets::range(text);
}
