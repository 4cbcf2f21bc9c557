//! What tells flows apart for good.

use std::hash::{BuildHasher, RandomState};

/// 128 bits, unique over agents and restarts, stable for the flow's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FlowId(pub u128);

/// Gives out identities: a random half for the life of the process, and a counter that is scrambled so that neighbours in
/// time are no neighbours in an index.
#[derive(Debug)]
pub struct FlowIds {
    process: u64,
    next: u64,
}

impl FlowIds {
    /// Seeded by the operating system.
    #[must_use]
    pub fn random() -> Self {
        let seed = |round: u64| RandomState::new().hash_one(round);
        Self::seeded(seed(0), seed(1))
    }

    /// Seeded by the caller: the same seeds give the same identities.
    #[must_use]
    pub fn seeded(process: u64, first: u64) -> Self {
        Self { process, next: first }
    }

    /// The next identity.
    pub fn next_id(&mut self) -> FlowId {
        self.next = self.next.wrapping_add(0x9e37_79b9_7f4a_7c15);
        // The finaliser of SplitMix64 (Steele, Lea, Flood 2014): a bijection, so no two counters give the same identity.
        let mut scrambled = self.next;
        scrambled = (scrambled ^ scrambled >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        scrambled = (scrambled ^ scrambled >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        FlowId(u128::from(self.process) << 64 | u128::from(scrambled ^ scrambled >> 31))
    }
}
