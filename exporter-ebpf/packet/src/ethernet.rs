//! Layer 2: Ethernet with up to two VLAN tags, or none at all.

use abi::vlan;

use crate::frame::{Frame, Header};
use crate::parse::Reject;

pub(crate) const IPV4: u16 = 0x0800;
pub(crate) const IPV6: u16 = 0x86dd;
/// Bytes of a VLAN tag.
pub(crate) const TAG_LEN: u32 = 4;

const CUSTOMER_TAG: u16 = 0x8100;
const SERVICE_TAG: u16 = 0x88a8;
/// Service tag before IEEE 802.1ad, still in use.
const OLD_SERVICE_TAG: u16 = 0x9100;
pub(crate) const HEADER_LEN: u32 = 14;

#[derive(Clone, Copy)]
pub(crate) struct Layer2 {
    pub(crate) ether_type: u16,
    /// Offset of the layer 3 header.
    pub(crate) at: u32,
    pub(crate) vlan_outer: u16,
    pub(crate) vlan_inner: u16,
}

/// A tag in the metadata is the outer one: the kernel takes only the first out of the bytes.
#[inline(always)]
pub(crate) fn parse<F: Frame + ?Sized>(frame: &F, vlan_in_metadata: u16) -> Result<Layer2, Reject> {
    let ethernet = frame.header::<14>(0).ok_or(Reject::OutOfReach)?;
    let mut layer2 = Layer2 {
        ether_type: ethernet.be16::<12>(),
        at: HEADER_LEN,
        vlan_outer: vlan_in_metadata,
        vlan_inner: 0,
    };
    if is_tag(layer2.ether_type) {
        layer2 = untag(frame, layer2)?;
        if is_tag(layer2.ether_type) {
            if layer2.vlan_inner != 0 {
                return Err(Reject::NotIp);
            }
            layer2 = untag(frame, layer2)?;
        }
    }
    Ok(layer2)
}

/// A device without a link-layer header: the version nibble tells which IP it is.
#[inline(always)]
pub(crate) fn bare<F: Frame + ?Sized>(frame: &F, vlan_in_metadata: u16) -> Result<Layer2, Reject> {
    // No IP header is shorter. (Of a single byte the verifier would not see that it is in reach.)
    let ether_type = match frame.header::<20>(0).ok_or(Reject::OutOfReach)?.u8::<0>() >> 4 {
        4 => IPV4,
        6 => IPV6,
        _ => return Err(Reject::NotIp),
    };
    Ok(Layer2 { ether_type, at: 0, vlan_outer: vlan_in_metadata, vlan_inner: 0 })
}

#[inline(always)]
fn untag<F: Frame + ?Sized>(frame: &F, layer2: Layer2) -> Result<Layer2, Reject> {
    let tag = frame.header::<4>(layer2.at as usize).ok_or(Reject::OutOfReach)?;
    let id = tag.be16::<0>() & vlan::ID | vlan::PRESENT;
    let (vlan_outer, vlan_inner) = if layer2.vlan_outer == 0 { (id, 0) } else { (layer2.vlan_outer, id) };
    Ok(Layer2 { ether_type: tag.be16::<2>(), at: layer2.at + TAG_LEN, vlan_outer, vlan_inner })
}

#[inline(always)]
fn is_tag(ether_type: u16) -> bool {
    matches!(ether_type, CUSTOMER_TAG | SERVICE_TAG | OLD_SERVICE_TAG)
}
