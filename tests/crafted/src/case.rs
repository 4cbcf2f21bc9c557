//! A packet and what is true of it.

use std::net::IpAddr;

use crate::layer;

/// One packet.
#[derive(Clone, Debug)]
pub struct Case {
    /// The rule that the packet is about.
    pub name: &'static str,
    /// Its bytes.
    pub frame: Vec<u8>,
    /// What kind of device carries it.
    pub device: Device,
    /// Identifier of a VLAN tag that the kernel keeps beside the bytes.
    pub tag_in_metadata: Option<u16>,
    /// How the stack aggregated it, if it did.
    pub offload: Option<Offload>,
    /// What a parser has to say.
    pub verdict: Verdict,
}

/// What the first header is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Device {
    /// An Ethernet header.
    Ethernet,
    /// An IP header.
    Ip,
}

/// What the kernel says of a GSO or GRO packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offload {
    /// Segments, 0 where the sender left the count to the kernel.
    pub segments: u32,
    /// Payload bytes of a segment.
    pub segment_size: u32,
}

/// What a packet is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// A packet of a flow.
    Flow(Flow),
    /// Its IP header, or one before it, contradicts itself or ends too early.
    Malformed,
    /// Not IP.
    NotIp,
}

/// What the headers of a flow's packet say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flow {
    /// Source address.
    pub source: IpAddr,
    /// Destination address.
    pub destination: IpAddr,
    /// IP protocol number after all extension headers.
    pub protocol: u8,
    /// Source and destination port, where the packet says them.
    pub ports: Option<(u16, u16)>,
    /// ICMP type and code, where the packet says them.
    pub icmp: Option<(u8, u8)>,
    /// TCP flags and reserved bits.
    pub tcp_flags: u16,
    /// DSCP and ECN.
    pub traffic_class: u8,
    /// Identifiers of the outer and the inner VLAN tag.
    pub vlan: [Option<u16>; 2],
    /// Bytes of headers up to the transport payload, a tag in the metadata included.
    pub header_len: u32,
    /// Frames and bytes on the wire.
    pub wire: (u32, u32),
}

impl Flow {
    /// A flow between the addresses of [`layer`], whose packet is one frame.
    #[must_use]
    pub fn v4(protocol: u8, header_len: u32) -> Self {
        Self {
            source: IpAddr::from(layer::SOURCE_V4),
            destination: IpAddr::from(layer::DESTINATION_V4),
            protocol,
            ports: None,
            icmp: None,
            tcp_flags: 0,
            traffic_class: 0,
            vlan: [None; 2],
            header_len,
            wire: (0, 0),
        }
    }

    /// The same over IPv6.
    #[must_use]
    pub fn v6(protocol: u8, header_len: u32) -> Self {
        Self {
            source: IpAddr::from(layer::SOURCE_V6),
            destination: IpAddr::from(layer::DESTINATION_V6),
            ..Self::v4(protocol, header_len)
        }
    }

    /// With the ports of [`layer`].
    #[must_use]
    pub fn with_ports(self) -> Self {
        Self { ports: Some((layer::SOURCE_PORT, layer::DESTINATION_PORT)), ..self }
    }

    /// With these tags.
    #[must_use]
    pub fn tagged(self, outer: u16, inner: Option<u16>) -> Self {
        Self { vlan: [Some(outer), inner], ..self }
    }
}

impl Case {
    /// A frame on an Ethernet device.
    pub(crate) fn new(name: &'static str, frame: Vec<u8>, verdict: Verdict) -> Self {
        let mut case =
            Self { name, frame, device: Device::Ethernet, tag_in_metadata: None, offload: None, verdict };
        case.on_the_wire(1, 0);
        case
    }

    /// A frame that belongs to a flow.
    pub(crate) fn flow(name: &'static str, frame: Vec<u8>, flow: Flow) -> Self {
        Self::new(name, frame, Verdict::Flow(flow))
    }

    /// A frame that is counted as malformed.
    pub(crate) fn malformed(name: &'static str, frame: Vec<u8>) -> Self {
        Self::new(name, frame, Verdict::Malformed)
    }

    /// A frame that is counted as not IP.
    pub(crate) fn not_ip(name: &'static str, frame: Vec<u8>) -> Self {
        Self::new(name, frame, Verdict::NotIp)
    }

    /// The same on a device without a link layer.
    pub(crate) fn bare(self) -> Self {
        Self { device: Device::Ip, ..self }
    }

    /// With a tag beside the bytes, which is on the wire like any other.
    pub(crate) fn tag_in_metadata(mut self, id: u16) -> Self {
        self.tag_in_metadata = Some(id);
        self.on_the_wire(1, 4);
        self
    }

    /// Aggregated, with `frames` on the wire that carry `more` bytes than are in memory.
    pub(crate) fn offloaded(mut self, segments: u32, segment_size: u32, frames: u32, more: i64) -> Self {
        self.offload = Some(Offload { segments, segment_size });
        self.on_the_wire(frames, more);
        self
    }

    fn on_the_wire(&mut self, frames: u32, more: i64) {
        if let Verdict::Flow(flow) = &mut self.verdict {
            let bytes = i64::try_from(self.frame.len()).expect("a frame is short") + more;
            flow.wire = (frames, u32::try_from(bytes).expect("a packet is short"));
        }
    }
}
