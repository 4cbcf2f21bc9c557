//! Which network each network namespace is in.
//!
//! Namespaces are in one network where devices join them. One that leads out of the machine, or where nobody knows, is in the node's:
//! packets of two hooks that may be the same ones are never two flows. So only those that have demonstrably no way to anything else
//! are networks of their own.
//!
//! What joins counts at once. What parts counts two readings later ([`Networks::read_through`]): until then a reading may bring
//! packets that both parts have seen.

use std::collections::BTreeMap;

use crate::flow::{NetworkId, OWN_SCOPE};

/// Readings that may bring what crossed a way that is gone: the one that learns of it, and the next, which begins a moment before.
const QUIET: u8 = 2;

/// The ways out of a network namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exits {
    /// One leads out of the machine, into a process, or it is not known where.
    pub is_open: bool,
    /// Namespaces that devices lead to, by the number that this one has for them; `None` is one that is not followed.
    pub peers: BTreeMap<i32, Option<u32>>,
}

/// The namespaces whose ways are known, and what follows from them.
#[derive(Clone, Debug, Default)]
pub(super) struct Networks {
    exits: BTreeMap<u32, Exits>,
    /// Ways that are gone and count all the same.
    fading: Vec<Fading>,
    is_stale: bool,
    /// As of the last time that they were brought in line.
    of: BTreeMap<u32, NetworkId>,
}

#[derive(Clone, Copy, Debug)]
struct Fading {
    from: u32,
    to: u32,
    /// Complete readings since it is gone.
    readings: u8,
}

impl Exits {
    /// The namespaces that it is joined with. An unknown one may be joined with the node's.
    fn ends(&self) -> impl Iterator<Item = u32> {
        let outside = self.is_open.then_some(OWN_SCOPE);
        outside.into_iter().chain(self.peers.values().map(|peer| peer.unwrap_or(OWN_SCOPE)))
    }
}

impl Networks {
    /// What a namespace leads to by now.
    pub(super) fn set_exits(&mut self, scope: u32, exits: Exits) {
        let Some(before) = self.exits.get(&scope) else {
            self.exits.insert(scope, exits);
            self.is_stale = true;
            return;
        };
        if *before == exits {
            return;
        }
        let closed = (before.is_open && !exits.is_open).then_some(OWN_SCOPE);
        let gone = before.peers.iter().filter_map(|(number, peer)| match (peer, exits.peers.get(number)) {
            // It was this one all the time.
            (None, Some(_)) => None,
            (Some(known), Some(Some(still))) if known == still => None,
            (peer, _) => Some(peer.unwrap_or(OWN_SCOPE)),
        });
        let gone = gone.chain(closed).map(|to| Fading { from: scope, to, readings: 0 });
        self.fading.extend(gone);
        self.exits.insert(scope, exits);
        self.is_stale = true;
    }

    /// The namespace that another one has this number for.
    pub(super) fn peer(&self, scope: u32, number: i32) -> Option<u32> {
        self.exits.get(&scope)?.peers.get(&number).copied().flatten()
    }

    /// A namespace is not followed any more. What its hooks saw may still come.
    pub(super) fn leave(&mut self, scope: u32) {
        if let Some(exits) = self.exits.remove(&scope) {
            self.fading.extend(exits.ends().map(|to| Fading { from: scope, to, readings: 0 }));
            self.is_stale = true;
        }
    }

    /// A reading is complete.
    pub(super) fn read_through(&mut self) {
        let before = self.fading.len();
        self.fading.retain_mut(|fading| {
            fading.readings += 1;
            fading.readings < QUIET
        });
        self.is_stale |= self.fading.len() != before;
    }

    /// Brings the networks in line with the ways; says whether any may be another one.
    pub(super) fn regroup(&mut self) -> bool {
        if !std::mem::take(&mut self.is_stale) {
            return false;
        }
        let mut groups = Groups::default();
        for (scope, exits) in &self.exits {
            exits.ends().for_each(|end| groups.join(*scope, end));
        }
        for Fading { from, to, .. } in &self.fading {
            groups.join(*from, *to);
        }
        let fading = self.fading.iter().flat_map(|fading| [fading.from, fading.to]);
        let scopes = self.exits.keys().copied().chain(fading);
        self.of = scopes.map(|scope| (scope, NetworkId::of(groups.least(scope)))).collect();
        true
    }

    /// That of a namespace, as of the last time that they were brought in line; `None` if nothing is known of it.
    pub(super) fn get(&self, scope: u32) -> Option<NetworkId> {
        self.of.get(&scope).copied()
    }
}

/// Disjoint sets of numbers, each named by its least.
#[derive(Debug, Default)]
struct Groups {
    /// From each number that is not the least of its set to a lesser one.
    lesser: BTreeMap<u32, u32>,
}

impl Groups {
    fn least(&mut self, number: u32) -> u32 {
        let mut least = number;
        while let Some(lesser) = self.lesser.get(&least) {
            least = *lesser;
        }
        if least != number {
            self.lesser.insert(number, least);
        }
        least
    }

    fn join(&mut self, one: u32, other: u32) {
        let (one, other) = (self.least(one), self.least(other));
        if one != other {
            self.lesser.insert(one.max(other), one.min(other));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(peers: &[(i32, Option<u32>)]) -> Exits {
        Exits { is_open: false, peers: peers.iter().copied().collect() }
    }

    fn open() -> Exits {
        Exits { is_open: true, ..Exits::default() }
    }

    /// Each namespace and its network.
    fn grouped(networks: &mut Networks) -> Vec<(u32, NetworkId)> {
        networks.regroup();
        networks.of.iter().map(|(scope, network)| (*scope, *network)).collect()
    }

    const NODE: NetworkId = NetworkId::NODE;

    #[test]
    fn the_order_in_which_ways_are_learnt_says_nothing() {
        // 1 - 2 - 4, 3 - 5 alone, 6 leads out, 7 to nothing at all.
        let ways = [
            (0, open()),
            (1, to(&[(0, Some(2))])),
            (2, to(&[(0, Some(1)), (1, Some(4))])),
            (3, to(&[])),
            (4, to(&[])),
            (5, to(&[(9, Some(3))])),
            (6, open()),
            (7, to(&[])),
        ];
        let [one, three, seven] = [1, 3, 7].map(NetworkId::of);
        let expected = [one, one, three, one, three, NODE, seven];
        for turn in 0..ways.len() {
            for is_backwards in [false, true] {
                let mut turned = ways.clone();
                turned.rotate_left(turn);
                if is_backwards {
                    turned.reverse();
                }
                let mut networks = Networks::default();
                for (scope, exits) in turned {
                    networks.set_exits(scope, exits);
                    networks.regroup();
                }
                let of = (1..).zip(expected);
                assert_eq!(grouped(&mut networks), [(0, NODE)].into_iter().chain(of).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn what_leads_to_an_unknown_namespace_is_the_nodes_until_that_is_known() {
        let mut networks = Networks::default();
        networks.set_exits(1, to(&[(0, None)]));
        assert_eq!(grouped(&mut networks), [(1, NODE)]);
        networks.set_exits(2, to(&[(3, Some(1))]));
        assert_eq!(grouped(&mut networks), [(1, NODE), (2, NODE)]);
        networks.set_exits(1, to(&[(0, Some(2))]));
        assert_eq!(grouped(&mut networks), [1, 2].map(|scope| (scope, NetworkId::of(1))), "at once");
    }

    #[test]
    fn what_joins_counts_at_once_and_what_parts_two_readings_later() {
        let mut networks = Networks::default();
        networks.set_exits(1, to(&[]));
        networks.set_exits(2, to(&[]));
        assert_eq!(grouped(&mut networks), [1, 2].map(|scope| (scope, NetworkId::of(scope))));
        networks.set_exits(1, to(&[(0, Some(2)), (1, Some(0))]));
        assert_eq!(grouped(&mut networks), [1, 2].map(|scope| (scope, NODE)));
        networks.set_exits(1, to(&[(0, Some(2))]));
        for _ in 0..QUIET {
            assert_eq!(grouped(&mut networks)[1..], [1, 2].map(|scope| (scope, NODE)));
            networks.read_through();
        }
        assert_eq!(grouped(&mut networks), [1, 2].map(|scope| (scope, NetworkId::of(1))));
    }

    #[test]
    fn a_namespace_that_is_not_followed_any_more_joins_until_its_last_packets_are_read() {
        let mut networks = Networks::default();
        networks.set_exits(1, to(&[(0, Some(2))]));
        networks.set_exits(2, to(&[(0, Some(1)), (1, Some(3))]));
        networks.set_exits(3, to(&[]));
        networks.regroup();
        networks.leave(2);
        networks.set_exits(1, to(&[]));
        for _ in 0..QUIET {
            assert_eq!(grouped(&mut networks), [1, 2, 3].map(|scope| (scope, NetworkId::of(1))));
            networks.read_through();
        }
        assert_eq!(grouped(&mut networks), [1, 3].map(|scope| (scope, NetworkId::of(scope))));
    }

    #[test]
    fn only_what_changes_is_grouped_again() {
        let mut networks = Networks::default();
        assert!(!networks.regroup());
        networks.set_exits(1, open());
        assert!(networks.regroup() && !networks.regroup());
        networks.set_exits(1, open());
        networks.read_through();
        assert!(!networks.regroup());
        networks.set_exits(1, to(&[]));
        assert!(networks.regroup());
    }
}
