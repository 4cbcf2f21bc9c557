//! Captures that are made here, byte by byte as their formats say.

use std::io::{Cursor, Write};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;

type Word = fn(u32) -> [u8; 4];
type Half = fn(u16) -> [u8; 2];

const LITTLE: (Word, Half) = (u32::to_le_bytes, u16::to_le_bytes);
const BIG: (Word, Half) = (u32::to_be_bytes, u16::to_be_bytes);
const MICROSECONDS: u32 = 0xa1b2_c3d4;
const NANOSECONDS: u32 = 0xa1b2_3c4d;

/// A frame of 4 bytes, of 1500 on the wire, and an empty one; at 1 s and 7 units, and at 2 s.
fn pcap((word, half): (Word, Half), magic: u32, link: u32) -> Vec<u8> {
    let mut file = [word(magic), word(0), word(0), word(0), word(65_535), word(link)].concat();
    file[4..8].copy_from_slice(&[half(2), half(4)].concat());
    for field in [1, 7, 4, 1500] {
        file.extend(word(field));
    }
    file.extend(*b"abcd");
    for field in [2, 0, 0, 0] {
        file.extend(word(field));
    }
    file
}

fn block((word, _): (Word, Half), kind: u32, body: &[u8]) -> Vec<u8> {
    let len = word(u32::try_from(body.len()).unwrap() + 12);
    [&word(kind), &len, body, &len].concat()
}

/// A section, an interface `eth0` of this resolution, and a frame of 3 bytes, of 1500 on the wire, after this many units.
fn pcapng(order: (Word, Half), resolution: u8, units: u32) -> Vec<u8> {
    let (word, half) = order;
    let mut file =
        block(order, 0x0a0d_0d0a, &[&word(0x1a2b_3c4d), &half(1)[..], &half(0), &[0xff; 8]].concat());
    let name = [&half(2)[..], &half(4), b"eth0"].concat();
    let resolution = [&half(9)[..], &half(1), &[resolution, 0, 0, 0]].concat();
    let description = [&half(1)[..], &half(0), &word(0), &name, &resolution, &[0; 4]].concat();
    file.extend(block(order, 1, &description));
    let frame = [&word(0), &word(0), &word(units), &word(3), &word(1500), &b"abc\0"[..]].concat();
    file.extend(block(order, 6, &frame));
    file
}

/// Time stamp, length on the wire and bytes of a frame.
type Read = (u64, u32, Vec<u8>);

/// The frames, and why there are no more.
fn read(file: Vec<u8>) -> (Vec<Read>, Option<String>) {
    let mut frames = Vec::new();
    let mut capture = match Capture::read("x.pcap".to_owned(), Cursor::new(file)) {
        Ok(capture) => capture,
        Err(error) => return (frames, Some(error.to_string())),
    };
    loop {
        match capture.next_frame() {
            Ok(Some(frame)) => frames.push((frame.timestamp, frame.wire_len, frame.bytes.to_vec())),
            Ok(None) => return (frames, None),
            Err(error) => return (frames, Some(error.to_string())),
        }
    }
}

#[test]
fn pcap_is_read_in_both_byte_orders_and_resolutions() {
    for order in [LITTLE, BIG] {
        for (magic, unit) in [(MICROSECONDS, 1000), (NANOSECONDS, 1)] {
            let expected =
                vec![(1_000_000_000 + 7 * unit, 1500, b"abcd".to_vec()), (2_000_000_000, 0, Vec::new())];
            assert_eq!(read(pcap(order, magic, 1)), (expected, None), "{magic:x}");
        }
    }
}

#[test]
fn pcapng_is_read_in_both_byte_orders_and_resolutions() {
    for order in [LITTLE, BIG] {
        // Milliseconds, and 1024 in a second.
        for (resolution, expected) in [(3, 2_048_000_000), (0x8a, 2_000_000_000)] {
            let expected = vec![(expected, 1500, b"abc".to_vec())];
            assert_eq!(read(pcapng(order, resolution, 2048)), (expected, None), "{resolution}");
        }
    }
}

#[test]
fn a_compressed_file_is_read_as_what_it_decompresses_to() {
    for file in [pcap(LITTLE, MICROSECONDS, 1), pcapng(BIG, 6, 5)] {
        let mut compressed = GzEncoder::new(Vec::new(), Compression::default());
        compressed.write_all(&file).unwrap();
        assert_eq!(read(compressed.finish().unwrap()), read(file));
    }
}

#[test]
fn a_cut_file_gives_what_is_whole_and_says_where_it_was_cut() {
    for (file, whole) in [(pcap(LITTLE, MICROSECONDS, 1), 1), (pcapng(LITTLE, 6, 5), 0)] {
        let (frames, error) = read(file[..file.len() - 1].to_vec());
        let error = error.unwrap();
        assert_eq!(frames.len(), whole);
        let said = format!("after {whole} frames: the capture was cut");
        assert!(error.starts_with("x.pcap: ") && error.ends_with(&said), "{error}");
    }
}

#[test]
fn another_file_is_no_capture() {
    for file in [&b"hello world, this is text"[..], b"", b"abc"] {
        let (_, error) = read(file.to_vec());
        assert!(error.unwrap().contains("is no capture"), "{file:?}");
    }
}

#[test]
fn an_unknown_link_type_is_named() {
    let (frames, error) = read(pcap(LITTLE, MICROSECONDS, 195));
    assert!(frames.is_empty() && error.unwrap().contains("link type 195 at byte 24"));
}

#[test]
fn a_length_beyond_reason_is_a_broken_place() {
    let mut file = pcap(LITTLE, MICROSECONDS, 1);
    file[32..36].copy_from_slice(&[0xff; 4]);
    assert!(read(file).1.unwrap().contains("is broken at byte 24, after 0 frames"));
    let mut file = pcapng(LITTLE, 6, 5);
    file[4..8].copy_from_slice(&[0xff; 4]);
    assert!(read(file).1.unwrap().contains("is broken at byte 0, after 0 frames"));
}

#[test]
fn a_cooked_frame_of_ethernet_has_its_ethernet_header_again() {
    let sender = [2, 0, 0, 0, 0, 1];
    let v1 = [&[0, 0, 0, 1, 0, 6][..], &sender, &[0, 0, 8, 0], b"ip"].concat();
    let v2 = [&[8, 0, 0, 0, 0, 0, 0, 9, 0, 1, 0, 6][..], &sender, &[0, 0], b"ip"].concat();
    for (link, frame, ifindex) in [(LinkType::Cooked, v1, 0), (LinkType::Cooked2, v2, 9)] {
        let mut room = Vec::new();
        let wire_len = u32::try_from(frame.len()).unwrap();
        let bytes = &[&[0; 6][..], &sender, &[8, 0], b"ip"].concat();
        let made = link.packet(&frame, wire_len, 3520, &mut room);
        assert_eq!(made, Packet::Of { link: ::packet::Link::Ethernet, wire_len: 16, ifindex, bytes });
        let Packet::Of { bytes: cut, .. } = link.packet(&frame, wire_len, 15, &mut room) else { panic!() };
        assert_eq!(cut, &bytes[..15]);
    }
}

#[test]
fn a_loopback_frame_is_told_by_its_family_in_either_byte_order() {
    let ip = Packet::Of { link: ::packet::Link::Ip, wire_len: 2, ifindex: 0, bytes: &[1, 1] };
    let frames: [(&[u8], Packet<'_>); 4] = [
        (&[0, 0, 0, 2, 1, 1], ip),
        (&[30, 0, 0, 0, 1, 1], ip),
        (&[0, 0, 0, 7, 1, 1], Packet::NotIp),
        (&[0, 0], Packet::Short),
    ];
    for (frame, packet) in frames {
        assert_eq!(LinkType::Loopback.packet(frame, 6, 3520, &mut Vec::new()), packet);
    }
}

/// Length on the wire and bytes of what a program takes of an Ethernet frame.
fn ethernet(frame: &[u8]) -> (u32, Vec<u8>) {
    let mut room = Vec::new();
    let made = LinkType::Ethernet.packet(frame, 99, 3520, &mut room);
    let Packet::Of { link: ::packet::Link::Ethernet, wire_len, ifindex: 0, bytes } = made else {
        panic!("{made:?}")
    };
    (wire_len, bytes.to_vec())
}

#[test]
fn what_stands_before_ip_is_left_out_and_counts() {
    let macs = [7; 12];
    let tags = [0x88, 0xa8, 0, 1, 0x81, 0, 0, 2];
    let cases: [(&[u8], &[u8]); 7] = [
        // MPLS: two labels, the second the last one; a version of IP.
        (&[0x88, 0x47, 0, 0, 0, 9, 0, 0, 1, 9, 0x45], &[8, 0, 0x45]),
        (&[0x88, 0x48, 0, 0, 1, 9, 0x60], &[0x86, 0xdd, 0x60]),
        (&[0x88, 0x64, 0x11, 0, 0, 1, 0, 3, 0, 0x57, 0x60], &[0x86, 0xdd, 0x60]),
        (&[0x88, 0x64, 0x11, 0, 0, 1, 0, 2, 0x21, 0x45], &[8, 0, 0x45]),
        (&[0, 9, 0xaa, 0xaa, 3, 0, 0, 0, 8, 0, 0x45], &[8, 0, 0x45]),
        // A third tag, and what a program reads itself.
        (&[0x91, 0, 0, 3, 8, 0, 0x45], &[8, 0, 0x45]),
        (&[8, 0, 0x45], &[8, 0, 0x45]),
    ];
    for (header, left) in cases {
        let (frame, bytes) = ([&macs[..], &tags, header].concat(), [&macs[..], &tags, left].concat());
        let made = ethernet(&frame);
        assert_eq!(made, (99, bytes), "{header:x?}");
    }
}

/// What no program takes for IP stays what it is: a pseudowire, PPP's own protocols, another LLC, and all that is cut.
#[test]
fn what_has_no_ip_is_left_as_it_is() {
    let headers: [&[u8]; 6] = [
        &[0x88, 0x47, 0, 0, 1, 9, 0],
        &[0x88, 0x64, 0x11, 0, 0, 1, 0, 3, 0xc0, 0x21],
        &[0, 9, 0x42, 0x42, 3, 0, 0, 0, 8, 0],
        &[0x88, 0x47, 0, 0, 0, 9, 0, 0],
        &[0x81, 0],
        &[0x88, 0x64, 0x11],
    ];
    for header in headers {
        let frame = [&[7; 12][..], header].concat();
        let made = ethernet(&frame);
        assert_eq!(made, (99, frame.clone()), "{header:x?}");
    }
}
