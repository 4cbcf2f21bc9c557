//! What the attaching thread has said, and does not say again: interfaces come and go.

use std::collections::{HashMap, HashSet};

use super::hook::Failure;

/// Interfaces whose failures are remembered. Where more fail, some are said again.
const REMEMBERED: usize = 1024;

#[derive(Debug, Default)]
pub(super) struct Said {
    /// By name: an interface that left and came back has another index.
    failures: HashMap<Box<str>, HashSet<Failure>>,
    devices: HashSet<u16>,
    nothing_matches: bool,
    warned_of_nothing: bool,
}

/// How much a word is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weight {
    Warning,
    Information,
}

impl Said {
    /// Whether this kind of failure is news of an interface.
    pub(super) fn failed(&mut self, interface: &str, failure: Failure) -> bool {
        if let Some(known) = self.failures.get_mut(interface) {
            return known.insert(failure);
        }
        if self.failures.len() >= REMEMBERED {
            self.failures.clear();
        }
        self.failures.insert(interface.into(), HashSet::from([failure]));
        true
    }

    /// An interface has its hooks: a failure from now on is news.
    pub(super) fn recovered(&mut self, interface: &str) {
        self.failures.remove(interface);
    }

    /// Whether it is news that devices of this type are not hooked.
    pub(super) fn skipped(&mut self, device: u16) -> bool {
        self.devices.insert(device)
    }

    /// How to say that no interface matches, if that is news. After the first time it is the normal course of an interface that
    /// comes and goes.
    pub(super) fn matching(&mut self, nothing: bool) -> Option<Weight> {
        let is_news = nothing && !self.nothing_matches;
        self.nothing_matches = nothing;
        if !is_news {
            return None;
        }
        let again = std::mem::replace(&mut self.warned_of_nothing, true);
        Some(if again { Weight::Information } else { Weight::Warning })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_said_once_per_kind_and_interface_until_it_recovers() {
        let mut said = Said::default();
        assert!(said.failed("eth0", Failure::Memory));
        assert!(!said.failed("eth0", Failure::Memory));
        assert!(said.failed("eth0", Failure::Occupied) && said.failed("eth1", Failure::Memory));
        said.recovered("eth0");
        assert!(said.failed("eth0", Failure::Memory) && !said.failed("eth1", Failure::Memory));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut said = Said::default();
        for number in 0..3 * REMEMBERED {
            assert!(said.failed(&format!("veth{number}"), Failure::Memory));
            assert!(said.failures.len() <= REMEMBERED);
        }
    }

    #[test]
    fn an_only_interface_that_flaps_is_one_warning() {
        let mut said = Said::default();
        let weights = [true, true, false, true, false, true].map(|nothing| said.matching(nothing));
        let again = Some(Weight::Information);
        assert_eq!(weights, [Some(Weight::Warning), None, None, again, None, again]);
    }
}
