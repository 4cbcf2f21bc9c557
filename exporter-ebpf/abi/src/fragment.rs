//! Where a first fragment leaves its ports for the later ones.

/// The datagram a fragment belongs to (RFC 791, RFC 8200), at one hook. 48 bytes, no padding.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FragmentKey {
    /// Source address, in the form of [`ObservationKey`](crate::ObservationKey).
    pub src_addr: [u64; 2],
    /// Destination address.
    pub dst_addr: [u64; 2],
    /// Identification: 16 bits in IPv4, 32 in IPv6.
    pub id: u32,
    /// Interface index of the hook.
    pub ifindex: u32,
    /// Network namespace of the hook.
    pub scope: u32,
    /// IP protocol number as in the IPv4 header; 0 in IPv6, where it is no part of a datagram's identity (RFC 8200 section 4.5).
    pub protocol: u8,
    /// IP version.
    pub ip_version: u8,
    /// Direction of the hook.
    pub direction: u8,
    /// Explicit padding.
    pub pad: u8,
}

const _: () = assert!(size_of::<FragmentKey>() == 48);

/// What the first fragment's transport header said. 8 bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FragmentPorts {
    /// Source port, or type of an ICMP message, as in the key.
    pub src_port: u16,
    /// Destination port, or code of an ICMP message, as in the key.
    pub dst_port: u16,
    /// IP protocol number after the headers that only the first fragment has.
    pub protocol: u8,
    /// Explicit padding.
    pub pad: [u8; 3],
}

const _: () = assert!(size_of::<FragmentPorts>() == 8);
