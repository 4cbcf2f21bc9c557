//! What the agent can do without, and whether it is there: each loss is in the log and in `check`, and here for the metrics.

use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

use semconv::value::flow_exporter_feature_name as name;

/// Something that flows are observed without as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Feature {
    /// Hooks by TCX; else by clsact.
    Tcx,
    /// All network namespaces are observed; else the own one.
    Namespaces,
    /// What the kernel drops is told.
    Drops,
    /// A listening socket may tell who began a flow.
    ListeningSocket,
    /// Connection tracking may tell who began a flow.
    Conntrack,
}

impl Feature {
    /// Every one, in the order of its number.
    pub(crate) const ALL: [Self; 5] =
        [Self::Tcx, Self::Namespaces, Self::Drops, Self::ListeningSocket, Self::Conntrack];

    /// As metrics have it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Tcx => name::TCX,
            Self::Namespaces => name::NAMESPACES,
            Self::Drops => name::DROPS,
            Self::ListeningSocket => name::LISTENING_SOCKET,
            Self::Conntrack => name::CONNTRACK,
        }
    }
}

/// Features that are wanted and known to be there or not. Set by whoever finds out, read by any thread.
#[derive(Debug, Default)]
pub(crate) struct Features {
    states: [AtomicU8; Feature::ALL.len()],
}

/// Not wanted, or nothing is known yet.
const UNKNOWN: u8 = 0;
const AVAILABLE: u8 = 1;
const MISSING: u8 = 2;

impl Features {
    /// It is there. One that was missed once stays so.
    pub(crate) fn has(&self, feature: Feature) {
        let _ = self.states[feature as usize].compare_exchange(UNKNOWN, AVAILABLE, Relaxed, Relaxed);
    }

    /// It is wanted and missing.
    pub(crate) fn lacks(&self, feature: Feature) {
        self.states[feature as usize].store(MISSING, Relaxed);
    }

    /// [`has`](Self::has) or [`lacks`](Self::lacks).
    pub(crate) fn set(&self, feature: Feature, is_there: bool) {
        if is_there {
            self.has(feature);
        } else {
            self.lacks(feature);
        }
    }

    /// Whether it is there, if it is wanted and that is known.
    pub(crate) fn get(&self, feature: Feature) -> Option<bool> {
        match self.states[feature as usize].load(Relaxed) {
            UNKNOWN => None,
            state => Some(state == AVAILABLE),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feature_is_unknown_until_it_is_found_and_stays_missing() {
        let features = Features::default();
        for (number, feature) in Feature::ALL.into_iter().enumerate() {
            assert_eq!(feature as usize, number);
            assert_eq!(features.get(feature), None);
            features.has(feature);
            assert_eq!(features.get(feature), Some(true));
            features.lacks(feature);
            features.has(feature);
            assert_eq!(features.get(feature), Some(false));
        }
    }
}
