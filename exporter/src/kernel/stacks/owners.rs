//! In which network namespace an address is.

use std::collections::BTreeSet;
use std::net::Ipv6Addr;

use smallvec::SmallVec;

/// Of the room, what one namespace's addresses have that is not the agent's own: a pod cannot take the others' room.
const PART: usize = 16;

/// The addresses of all namespaces but those that each has, in a bounded number.
#[derive(Debug)]
pub(super) struct Owners {
    addresses: BTreeSet<(Ipv6Addr, u32)>,
    most: usize,
}

impl Owners {
    /// At most so many addresses are kept; what is beyond is nobody's.
    pub(super) fn of(most: usize) -> Self {
        Self { addresses: BTreeSet::new(), most }
    }

    /// The addresses of a namespace, instead of those that it had. Gives how many found no room.
    pub(super) fn set(&mut self, scope: u32, is_own: bool, addresses: Vec<Ipv6Addr>) -> usize {
        self.remove(scope);
        let share = if is_own { self.most } else { self.most / PART };
        let room = share.min(self.most.saturating_sub(self.addresses.len()));
        let mut those: Vec<_> = addresses.into_iter().filter(|address| !is_loopback(*address)).collect();
        those.sort_unstable();
        those.dedup();
        let left_out = those.len().saturating_sub(room);
        those.truncate(room);
        self.addresses.extend(those.into_iter().map(|address| (address, scope)));
        left_out
    }

    /// A namespace that is gone has none.
    pub(super) fn remove(&mut self, scope: u32) {
        self.addresses.retain(|&(_, owner)| owner != scope);
    }

    /// The namespace whose address it is, as packets have it that were seen in these namespaces, and whose network those are in that
    /// `may_own` says: the only one of them that has it, or of several the only one in which they were seen. Each has the loopback
    /// addresses.
    pub(super) fn owner(
        &self,
        address: Ipv6Addr,
        seen_in: &[u32],
        may_own: impl Fn(u32) -> bool,
    ) -> Option<u32> {
        if is_loopback(address) {
            let [scope, rest @ ..] = seen_in else { return None };
            return rest.iter().all(|other| other == scope).then_some(*scope);
        }
        let all = self.addresses.range((address, 0)..=(address, u32::MAX)).map(|&(_, scope)| scope);
        let owners: SmallVec<[u32; 4]> = all.filter(|scope| may_own(*scope)).collect();
        let mut here = owners.iter().filter(|owner| seen_in.contains(*owner));
        match (here.next(), here.next(), &*owners) {
            (Some(owner), None, _) | (None, _, [owner]) => Some(*owner),
            _ => None,
        }
    }
}

/// All of 127.0.0.0/8 is, though the interface has only one of it.
fn is_loopback(address: Ipv6Addr) -> bool {
    address.is_loopback() || address.to_ipv4_mapped().is_some_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: u32 = 0;
    const ANY: fn(u32) -> bool = |_| true;
    const ONE: &str = "::ffff:10.0.0.1";
    const BOTH: &str = "::ffff:10.0.0.2";

    fn parse(address: &str) -> Ipv6Addr {
        address.parse().unwrap()
    }

    fn owners(of: &[(u32, &[&str])]) -> Owners {
        let mut owners = Owners::of(1000);
        for (scope, addresses) in of {
            assert_eq!(owners.set(*scope, *scope == OWN, addresses.iter().map(|it| parse(it)).collect()), 0);
        }
        owners
    }

    #[test]
    fn an_address_that_one_namespace_has_is_its_own_wherever_it_was_seen() {
        let owners = owners(&[(7, &[ONE, "fd00::1"]), (8, &[])]);
        for seen_in in [&[OWN, OWN][..], &[8], &[7], &[]] {
            assert_eq!(owners.owner(parse(ONE), seen_in, ANY), Some(7));
            assert_eq!(owners.owner(parse("fd00::1"), seen_in, ANY), Some(7));
            assert_eq!(owners.owner(parse("::ffff:10.0.0.9"), seen_in, ANY), None);
        }
    }

    #[test]
    fn of_several_namespaces_that_have_an_address_the_hook_says_which() {
        let owners = owners(&[(7, &[BOTH]), (8, &[BOTH])]);
        assert_eq!(owners.owner(parse(BOTH), &[7], ANY), Some(7));
        assert_eq!(owners.owner(parse(BOTH), &[OWN, 8], ANY), Some(8));
        assert_eq!(owners.owner(parse(BOTH), &[OWN, OWN], ANY), None);
        assert_eq!(owners.owner(parse(BOTH), &[7, 8], ANY), None);
    }

    #[test]
    fn of_several_networks_that_have_an_address_the_flows_counts() {
        let owners = owners(&[(7, &[BOTH]), (8, &[BOTH])]);
        assert_eq!(owners.owner(parse(BOTH), &[OWN], |scope| scope == 8), Some(8));
        assert_eq!(owners.owner(parse(BOTH), &[OWN], |scope| scope == 9), None);
    }

    #[test]
    fn loopback_addresses_are_those_of_where_they_were_seen() {
        let owners = owners(&[(7, &["::1", "::ffff:127.0.0.1"])]);
        for address in ["::1", "::ffff:127.0.0.1", "::ffff:127.8.9.1"] {
            assert_eq!(owners.owner(parse(address), &[OWN], ANY), Some(OWN));
            assert_eq!(owners.owner(parse(address), &[7, 7], ANY), Some(7));
            assert_eq!(owners.owner(parse(address), &[OWN, 7], ANY), None);
            assert_eq!(owners.owner(parse(address), &[], ANY), None);
        }
    }

    #[test]
    fn a_namespace_has_the_addresses_that_it_has_now() {
        let mut owners = owners(&[(7, &[ONE, BOTH]), (8, &[BOTH])]);
        owners.set(7, false, vec![parse("fd00::7")]);
        assert_eq!(owners.owner(parse(ONE), &[OWN], ANY), None);
        assert_eq!(owners.owner(parse(BOTH), &[OWN], ANY), Some(8));
        owners.remove(8);
        assert_eq!(owners.owner(parse(BOTH), &[OWN], ANY), None);
        assert_eq!(owners.owner(parse("fd00::7"), &[OWN], ANY), Some(7));
    }

    #[test]
    fn one_namespace_does_not_take_all_the_room() {
        let mut owners = Owners::of(PART * 2);
        let many = |first: u16| (0..100).map(|last| Ipv6Addr::new(first, 0, 0, 0, 0, 0, 0, last)).collect();
        assert_eq!(owners.set(1, false, many(1)), 98);
        assert_eq!(owners.set(1, false, many(1)), 98, "it has the same room again");
        assert_eq!(owners.set(OWN, true, many(2)), 100 - (PART * 2 - 2));
        assert_eq!(owners.set(2, false, many(3)), 100, "all is full");
        assert_eq!(owners.owner(parse("1::1"), &[OWN], ANY), Some(1));
        assert_eq!(owners.owner(parse("1::2"), &[OWN], ANY), None);
    }
}
