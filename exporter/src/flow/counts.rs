//! Packets and bytes, always together.

use std::iter::Sum;
use std::ops::{Add, AddAssign, Sub};

/// Packets and frame bytes on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Packets on the wire.
    pub packets: u64,
    /// Frame bytes on the wire: layer 2 with tags, without FCS and preamble (IPFIX `layer2OctetDeltaCount`).
    pub bytes: u64,
}

impl Counts {
    /// Nothing was counted.
    #[must_use]
    pub fn is_zero(self) -> bool {
        self == Self::default()
    }

    /// As many times as much; never more than can be said.
    #[must_use]
    pub fn times(self, times: u64) -> Self {
        Self { packets: self.packets.saturating_mul(times), bytes: self.bytes.saturating_mul(times) }
    }

    /// What is beyond the other, of packets and of bytes.
    #[must_use]
    pub fn saturating_sub(self, other: Self) -> Self {
        Self {
            packets: self.packets.saturating_sub(other.packets),
            bytes: self.bytes.saturating_sub(other.bytes),
        }
    }
}

impl Add for Counts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { packets: self.packets + other.packets, bytes: self.bytes + other.bytes }
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for Counts {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self { packets: self.packets - other.packets, bytes: self.bytes - other.bytes }
    }
}

impl Sum for Counts {
    fn sum<I: Iterator<Item = Self>>(counts: I) -> Self {
        counts.fold(Self::default(), Add::add)
    }
}
