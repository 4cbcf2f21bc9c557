//! Every crafted packet is what its case says, and no prefix of it is anything else.

mod support;

use abi::key_flags;
use crafted::{Case, Verdict};
use packet::{Packet, Reject, parse_slice};
use support::{link, metadata, parse, size, verdict};

#[test]
fn each_packet_is_what_its_case_says() {
    let wrong: Vec<String> = crafted::all()
        .iter()
        .filter_map(|case| {
            let parsed = parse(case);
            let is = verdict(parsed, size(case));
            (is != case.verdict).then(|| {
                format!("{}:\n  is     {is:?}\n  should {:?}\n  parsed {parsed:?}", case.name, case.verdict)
            })
        })
        .collect();
    assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.join("\n"));
}

/// A capture that was cut: the kernel knows the packet's length, the bytes end early.
#[test]
fn a_cut_capture_gives_the_same_packet_or_one_that_says_less() {
    for case in crafted::all() {
        for kept in 0..case.frame.len() {
            let cut = parse_slice(&case.frame[..kept], link(case.device), metadata(&case));
            assert_same_or_less(&case, kept, cut);
        }
    }
}

/// A packet that really ends early.
#[test]
fn a_cut_packet_gives_the_same_ports_or_none() {
    for case in crafted::all() {
        for kept in 0..case.frame.len() {
            let mut shorter = metadata(&case);
            shorter.len = u32::try_from(kept).unwrap();
            let mut cut = parse_slice(&case.frame[..kept], link(case.device), shorter);
            if let (Ok(cut), Ok(whole)) = (&mut cut, parse(&case))
                && kept >= headers(&case)
            {
                // It ends where the packet does.
                let missing = u32::try_from(case.frame.len() - kept).unwrap();
                assert!((0..=missing).contains(&(whole.payload_len - cut.payload_len)), "{}", case.name);
                cut.payload_len = whole.payload_len;
            }
            assert_same_or_less(&case, kept, cut);
        }
    }
}

/// Bytes of a case's packet up to its payload.
fn headers(case: &Case) -> usize {
    parse(case).map_or(0, |packet| packet.header_len as usize)
}

fn assert_same_or_less(case: &Case, kept: usize, cut: Result<Packet, Reject>) {
    let place = format!("{} cut after {kept} bytes", case.name);
    match (cut, parse(case)) {
        (Ok(cut), Ok(whole)) if kept >= headers(case) => assert_eq!(cut, whole, "{place}"),
        (Ok(cut), Ok(whole)) => {
            let (key, whole_key) = (cut.key.unpack(), whole.key.unpack());
            assert_eq!((key.src_addr, key.dst_addr), (whole_key.src_addr, whole_key.dst_addr), "{place}");
            // Of an extension header that is cut, what follows is not known.
            let says_less = key.flags & key_flags::PORTS_UNKNOWN != 0 || key.protocol != whole_key.protocol;
            let wanted = if says_less { (0, 0) } else { (whole_key.src_port, whole_key.dst_port) };
            assert_eq!((key.src_port, key.dst_port), wanted, "{place}");
            assert!([0, whole.tcp_flags].contains(&cut.tcp_flags), "{place}: {cut:?}");
        }
        (Ok(cut), Err(reject)) => panic!("{place}: {cut:?}, but {reject:?} in whole"),
        (Err(reject), Ok(_)) => assert!(kept < headers(case), "{place}: {reject:?}"),
        (Err(_), Err(_)) => {}
    }
}

#[test]
fn the_catalogue_has_packets_of_every_kind() {
    let count =
        |wanted: fn(&Verdict) -> bool| crafted::all().iter().filter(|case| wanted(&case.verdict)).count();
    assert!(count(|verdict| matches!(verdict, Verdict::Flow(_))) > 100);
    assert!(count(|verdict| matches!(verdict, Verdict::Malformed)) > 10);
    assert!(count(|verdict| matches!(verdict, Verdict::NotIp)) > 5);
}
