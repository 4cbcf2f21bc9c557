//! Headers between IP and the transport: IPv6 extension headers (RFC 8200) and the Authentication Header (RFC 4302).

use abi::protocol;

use crate::frame::{Frame, Header, MAX_OFFSET};
use crate::parse::{Datagram, Fragment, Network};

/// More than any sender has use for; the verifier wants a bound.
const MAX_HEADERS: u32 = 8;

const FRAGMENT_OFFSET: u32 = 0xfff8;
const MORE_FRAGMENTS: u32 = 1;

const FRAGMENT: u8 = 44;
/// Numbers below 64 that are extension headers: hop-by-hop options, routing, fragment, authentication, destination options.
const BELOW_64: u64 = 1 << 0 | 1 << 43 | 1 << FRAGMENT | 1 << protocol::AH | 1 << 60;
/// The same from 128 on: mobility (RFC 6275), host identity (RFC 7401), Shim6 (RFC 5533).
const FROM_128: u64 = 1 << (135 - 128) | 1 << (139 - 128) | 1 << (140 - 128);

/// Whether the header of this number is one in this version of IP. IPv4 has fields of its own for fragments and options; only the
/// Authentication Header stands between it and a transport, and the other numbers are transports.
///
/// In arithmetic, because a `match` on the number would give the verifier a case for each range of numbers, in every round.
#[inline(always)]
pub(crate) fn is_one<const IP_VERSION: u8>(number: u8) -> bool {
    if IP_VERSION == 4 {
        return number == protocol::AH;
    }
    let members = match number >> 6 {
        0 => BELOW_64,
        2 => FROM_128,
        _ => 0,
    };
    members >> (number & 63) & 1 != 0
}

/// Moves to the first header that is no extension, or to the one that is not whole: then that is the packet's protocol. A later
/// fragment ends the walk: what follows it is payload.
#[inline(always)]
pub(crate) fn walk<F: Frame + ?Sized, const IP_VERSION: u8>(frame: &F, network: &mut Network) {
    let mut place =
        Place { number: network.protocol.into(), at: network.at, fragment_field: NO_FRAGMENT, id: 0 };
    for _ in 0..MAX_HEADERS {
        let Some(next) = step(frame, place) else { break };
        if next.at > network.end || next.at > MAX_OFFSET {
            break;
        }
        place = next;
        if !is_one::<IP_VERSION>(low_byte(place.number)) || is_later(place.fragment_field) {
            break;
        }
    }
    network.protocol = low_byte(place.number);
    network.at = place.at;
    if place.fragment_field & NO_FRAGMENT == 0 {
        network.fragment = fragment(place);
    }
}

/// Where the walk is.
#[derive(Clone, Copy)]
struct Place {
    /// Protocol number of the header at `at`, in a width that `Frame::forget` takes.
    number: u32,
    at: u32,
    /// Offset and flag of the fragment header that was met, or [`NO_FRAGMENT`].
    fragment_field: u32,
    /// Identification in that header.
    id: u32,
}

/// Beyond the 16 bits of the field.
const NO_FRAGMENT: u32 = 1 << 16;

/// Moves over one header.
#[inline(always)]
fn step<F: Frame + ?Sized>(frame: &F, place: Place) -> Option<Place> {
    // None of them is shorter.
    let header = frame.header::<8>(place.at as usize)?;
    let units = u32::from(header.u8::<1>());
    let mut len = (units + 1) * 8;
    let (mut fragment_field, mut id) = (place.fragment_field, place.id);
    if place.number == u32::from(protocol::AH) {
        len = (units + 2) * 4; // RFC 4302 section 2.2 counts otherwise.
    }
    if place.number == u32::from(FRAGMENT) {
        len = 8; // What is the length elsewhere is reserved here.
        fragment_field = header.be16::<2>().into();
        id = header.be32::<4>();
    }
    Some(Place {
        number: frame.forget(header.u8::<0>().into()),
        at: frame.forget(place.at + len),
        fragment_field: frame.forget(fragment_field),
        id: frame.forget(id),
    })
}

#[inline(always)]
fn low_byte(number: u32) -> u8 {
    (number & 0xff) as u8
}

#[inline(always)]
fn is_later(fragment_field: u32) -> bool {
    fragment_field & FRAGMENT_OFFSET != 0
}

#[inline(always)]
fn fragment(place: Place) -> Fragment {
    let datagram = Datagram { id: place.id, protocol: 0 };
    if is_later(place.fragment_field) {
        Fragment::Later(datagram)
    } else if place.fragment_field & MORE_FRAGMENTS != 0 {
        Fragment::First(datagram)
    } else {
        Fragment::None // An atomic fragment (RFC 6946) is a whole datagram.
    }
}
