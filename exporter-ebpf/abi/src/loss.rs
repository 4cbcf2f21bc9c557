//! Packets that a hook saw and that are in no observation.

/// Which hook, and why. 12 bytes, no padding.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LossKey {
    /// Interface index of the hook.
    pub ifindex: u32,
    /// Network namespace of the hook.
    pub scope: u32,
    /// Direction of the hook ([`Direction`](crate::Direction)).
    pub direction: u8,
    /// Why ([`Reason`]).
    pub reason: u8,
    /// Explicit padding.
    pub pad: u16,
}

const _: () = assert!(size_of::<LossKey>() == 12);

/// Running totals of one [`LossKey`] on one CPU; they only grow.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Packets on the wire.
    pub packets: u64,
    /// Frame bytes on the wire.
    pub bytes: u64,
}

/// Why a packet is in no observation.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// The observations map had no room for a new entry.
    Overflow = 0,
    /// The headers contradict themselves or end too early.
    Malformed = 1,
    /// No IP packet: ARP, LLDP, more than two VLAN tags and the like. Not a loss: such a frame belongs to no flow.
    NotIp = 2,
}

impl Reason {
    /// Every reason, in the order of its number.
    pub const ALL: [Self; 3] = [Self::Overflow, Self::Malformed, Self::NotIp];
}

impl TryFrom<u8> for Reason {
    type Error = u8;

    fn try_from(value: u8) -> Result<Self, u8> {
        Self::ALL.get(usize::from(value)).copied().ok_or(value)
    }
}
