//! Whether packets may go by unseen at an interface of the namespace.

use super::Worker;
use crate::clock::Clock;
use crate::kernel::interfaces::Interface;
use crate::sync::lock;

impl Worker {
    /// Whether packets of each interface are seen, here or at its other end.
    pub(super) fn is_whole(&self) -> bool {
        let is_waiting = self.pairs.as_ref().is_some_and(|pairs| pairs.undecided().next().is_some());
        let is_seen = |interface: &Interface| {
            let ifindex = interface.ifindex;
            interface.is_loopback || self.is_hooked(ifindex) || self.seen_elsewhere.contains(&ifindex)
        };
        !is_waiting && self.interfaces.values().all(is_seen)
    }

    /// Says so.
    pub(super) fn tell_whole(&self, is_whole: bool) {
        let now = is_whole.then(|| Clock::now().monotonic());
        lock(&self.registry).set_whole(self.scope, now);
    }
}
