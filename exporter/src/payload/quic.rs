//! QUIC packets with a long header (RFC 8999 section 5.1, RFC 9000 section 17.2, RFC 9369 section 3).

use crate::flow::{ConnectionId, QuicHeader, QuicVersion, Start};

/// Bits of the first byte.
const LONG: u8 = 0x80;
const FIXED: u8 = 0x40;
/// Of a connection ID (RFC 9000 section 17.2).
const LONGEST_ID: usize = 20;

/// Reads the start of a datagram of `len` bytes.
pub(super) fn read(bytes: &[u8], len: usize) -> Option<Start> {
    let (&[first, a, b, c, d], rest) = bytes.split_first_chunk::<5>()?;
    let is_fixed = first & FIXED != 0;
    let version = QuicVersion::of(u32::from_be_bytes([a, b, c, d]))?;
    if first & LONG == 0 || (version == QuicVersion::Negotiation && !is_fixed) {
        return None;
    }
    let (destination, rest) = id(rest)?;
    let (source, rest) = id(rest)?;
    // Behind the header, a packet has a payload; a list of versions has some, and nothing else.
    let behind = rest.len() + len.checked_sub(bytes.len())?;
    let is_whole = behind > 0 && (version != QuicVersion::Negotiation || behind % size_of::<u32>() == 0);
    is_whole.then_some(Start::Quic(QuicHeader { version, destination, source, is_fixed }))
}

fn id(bytes: &[u8]) -> Option<(ConnectionId, &[u8])> {
    let (&length, rest) = bytes.split_first()?;
    let length = usize::from(length);
    let (id, rest) = rest.split_at_checked(length).filter(|_| length <= LONGEST_ID)?;
    Some((id.into(), rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The Initial packet of a client in RFC 9001 appendix A.2: its header, before it is protected, and how long it is.
    const INITIAL: &[u8] = b"\xc3\x00\x00\x00\x01\x08\x83\x94\xc8\xf0\x3e\x51\x57\x08\x00\x00\x44\x9e";
    /// A server's Retry packet as RFC 9369 appendix A.4 has it.
    const RETRY_V2: &[u8] =
        b"\xcf\x6b\x33\x43\xcf\x00\x08\xf0\x67\xa5\x50\x2a\x42\x62\xb5\x74\x6f\x6b\x65\x6e\
        \xc8\x64\x6c\xe8\xbf\xe3\x39\x52\xd9\x55\x54\x36\x65\xdc\xc7\xb6";

    fn header(version: QuicVersion, destination: &[u8], source: &[u8]) -> QuicHeader {
        QuicHeader { version, destination: destination.into(), source: source.into(), is_fixed: true }
    }

    fn says(version: QuicVersion, destination: &[u8], source: &[u8]) -> Start {
        Start::Quic(header(version, destination, source))
    }

    #[test]
    fn packets_of_the_standards_are_read() {
        let chosen = b"\x83\x94\xc8\xf0\x3e\x51\x57\x08";
        assert_eq!(read(INITIAL, 1200), Some(says(QuicVersion::V1, chosen, b"")));
        let id = b"\xf0\x67\xa5\x50\x2a\x42\x62\xb5";
        assert_eq!(read(RETRY_V2, RETRY_V2.len()), Some(says(QuicVersion::V2, b"", id)));
        let negotiation = b"\xc0\x00\x00\x00\x00\x01a\x02bc\x00\x00\x00\x01\x6b\x33\x43\xcf";
        assert_eq!(read(negotiation, negotiation.len()), Some(says(QuicVersion::Negotiation, b"a", b"bc")));
    }

    #[test]
    fn what_is_cut_or_another_protocols_is_no_quic() {
        let negotiation = b"\xc0\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01";
        assert!(read(negotiation, negotiation.len()).is_some());
        for length in 0..negotiation.len() {
            let is_list = length == 7 + 4;
            assert_eq!(read(&negotiation[..length], length).is_some(), is_list, "{length} bytes");
        }
        let without_bit = [&[0x80], &negotiation[1..]].concat();
        assert_eq!(read(&without_bit, without_bit.len()), None, "a list that others may send as well");
        for (at, byte, why) in [(0, 0x43, "short header"), (4, 2, "version"), (5, 21, "ID")] {
            let mut packet = [INITIAL, &[0; 30]].concat();
            packet[at] = byte;
            assert_eq!(read(&packet, 1200), None, "{why}");
        }
        assert_eq!(read(INITIAL, 10), None, "a length that contradicts");
    }

    #[test]
    fn a_packet_whose_fixed_bit_was_cleared_says_so() {
        let packet = [&[0x83], &INITIAL[1..]].concat();
        let says = QuicHeader { is_fixed: false, ..header(QuicVersion::V1, &INITIAL[6..14], b"") };
        assert_eq!(read(&packet, 1200), Some(Start::Quic(says)));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..60), len in 0_usize..600) {
            let header = [b"\xc0\x00\x00\x00\x01", &bytes[..]].concat();
            for bytes in [&bytes, &header] {
                let _ = read(bytes, len);
            }
        }
    }
}
