//! Packets that the kernel dropped.

/// Whose packets, and why. 48 bytes, no padding.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DropKey {
    /// Source and destination address, as in [`PackedKey::words`](crate::PackedKey::words).
    pub addresses: [u64; 4],
    /// Ports, or type and code, as in the key.
    pub ports: u32,
    /// Protocol, IP version and flags, as in the key; no direction.
    pub kind: u32,
    /// Number of the reason in this kernel's `enum skb_drop_reason`.
    pub reason: u32,
    /// Number of the network namespace that it was dropped in (the inode of its file); 0 if it is not known.
    pub namespace: u32,
}

const _: () = assert!(size_of::<DropKey>() == 48);

impl DropKey {
    /// The key of an observation of the same packets, at no hook.
    #[must_use]
    pub const fn observed(&self) -> crate::PackedKey {
        let [source_0, source_1, destination_0, destination_1] = self.addresses;
        crate::PackedKey {
            words: [source_0, source_1, destination_0, destination_1, self.ports as u64, 0],
            kind: self.kind,
            cpu: 0,
        }
    }
}

/// What was dropped of a [`DropKey`] in a generation. 32 bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DropTally {
    /// Packets on the wire.
    pub packets: u64,
    /// Their bytes on the wire, from the IP header on.
    pub bytes: u64,
    /// First of them, precise clock, in nanoseconds of `CLOCK_MONOTONIC`.
    pub first_ns: u64,
    /// Last of them; of packets that were dropped at the same time on several CPUs, any.
    pub last_ns: u64,
}

const _: () = assert!(size_of::<DropTally>() == 32);

/// Why dropped packets are in no [`DropTally`].
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Untold {
    /// No IP, or headers that end too early or contradict themselves.
    Unread = 0,
    /// The map was full.
    Overflow = 1,
    /// The program was running on this CPU already, interrupted by what dropped the packet.
    Nested = 2,
}

impl Untold {
    /// Each, in the order of its number.
    pub const ALL: [Self; 3] = [Self::Unread, Self::Overflow, Self::Nested];
}

/// Places in the table of offsets ([`DROP_LAYOUT_GLOBAL`](crate::maps::DROP_LAYOUT_GLOBAL)): where this kernel has members of
/// `struct sk_buff` and of what it leads to, in bytes.
pub mod skb {
    /// `head`, an address.
    pub const HEAD: usize = 0;
    /// `data`, an address.
    pub const DATA: usize = 1;
    /// `tail`, 4 bytes.
    pub const TAIL: usize = 2;
    /// `end`, 4 bytes.
    pub const END: usize = 3;
    /// `len`, 4 bytes.
    pub const LEN: usize = 4;
    /// `network_header`, 2 bytes.
    pub const NETWORK_HEADER: usize = 5;
    /// `protocol`, 2 bytes.
    pub const PROTOCOL: usize = 6;
    /// `gso_size` of `struct skb_shared_info`, 2 bytes.
    pub const GSO_SIZE: usize = 7;
    /// `gso_segs` of `struct skb_shared_info`, 2 bytes.
    pub const GSO_SEGS: usize = 8;
    /// `dev`, an address. What waits in a queue has something else there.
    pub const DEVICE: usize = 9;
    /// `sk`, an address.
    pub const SOCKET: usize = 10;
    /// `nd_net` of `struct net_device`, an address.
    pub const NET_OF_DEVICE: usize = 11;
    /// `skc_net` of `struct sock_common`, an address. Every socket begins with one.
    pub const NET_OF_SOCKET: usize = 12;
    /// `ns` of `struct net`, a `struct ns_common`.
    pub const NAMESPACE: usize = 13;
    /// `inum` of `struct ns_common`, 4 bytes.
    pub const NUMBER: usize = 14;
    /// How many there are.
    pub const MEMBERS: usize = 15;
}

/// Reasons that are no drops, at most; those that the kernel does not have are 0, which no packet is dropped for.
pub const NO_DROPS: usize = 8;
