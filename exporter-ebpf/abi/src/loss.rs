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

/// What one CPU left out at one hook in one generation, where it need not be looked for. 32 bytes, no padding.
///
/// A hook shares its slot with others: the first that needs it in a generation has it, and who comes later is counted by its key.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LossSlot {
    /// Whose it is.
    pub key: LossKey,
    /// Explicit padding.
    pub pad: u32,
    /// How much. Without packets nobody has the slot.
    pub tally: Tally,
}

const _: () = assert!(size_of::<LossSlot>() == 32);

impl LossSlot {
    /// Slots that a CPU has in a generation. A power of two.
    pub const PER_CPU: u32 = 64;

    /// Nobody's.
    pub const FREE: Self = Self {
        key: LossKey { ifindex: 0, scope: 0, direction: 0, reason: 0, pad: 0 },
        pad: 0,
        tally: Tally { packets: 0, bytes: 0 },
    };
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
    /// The user does not want to see it. Not a loss either.
    Filtered = 3,
    /// Its flow is not one of those that are counted ([`is_chosen`](crate::is_chosen)). Not a loss either.
    SampledOut = 4,
}

impl Reason {
    /// Every reason, in the order of its number.
    pub const ALL: [Self; 5] =
        [Self::Overflow, Self::Malformed, Self::NotIp, Self::Filtered, Self::SampledOut];
}

impl TryFrom<u8> for Reason {
    type Error = u8;

    fn try_from(value: u8) -> Result<Self, u8> {
        Self::ALL.get(usize::from(value)).copied().ok_or(value)
    }
}
