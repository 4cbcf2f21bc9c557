//! Every crafted packet is what its case says, and no prefix of it is anything else.

mod support;

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
fn a_cut_capture_gives_the_same_packet_or_none() {
    for case in crafted::all() {
        for kept in 0..case.frame.len() {
            let cut = parse_slice(&case.frame[..kept], link(case.device), metadata(&case));
            assert_same_or_none(&case, kept, cut);
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
            if let Ok(cut) = &mut cut
                && shorter.offloaded
                && let Ok(whole) = parse(&case)
            {
                // BIG TCP ends where the packet does.
                let missing = u32::try_from(case.frame.len() - kept).unwrap();
                assert!([0, missing].contains(&(whole.payload_len - cut.payload_len)), "{}", case.name);
                cut.payload_len = whole.payload_len;
            }
            assert_same_or_none(&case, kept, cut);
        }
    }
}

fn assert_same_or_none(case: &Case, kept: usize, cut: Result<Packet, Reject>) {
    if let Ok(cut) = cut {
        assert_eq!(Ok(cut), parse(case), "{} cut after {kept} bytes", case.name);
    } else if let Verdict::Flow(flow) = case.verdict {
        // The transport header is read as far as the ports, or the TCP header without its options.
        let headers = flow.header_len - if case.tag_in_metadata.is_some() { 4 } else { 0 };
        let whole = kept >= headers as usize;
        assert!(!whole || cut == Err(Reject::Malformed), "{} refused at {kept} bytes: {cut:?}", case.name);
    }
}

#[test]
fn the_catalogue_has_packets_of_every_kind() {
    let count =
        |wanted: fn(&Verdict) -> bool| crafted::all().iter().filter(|case| wanted(&case.verdict)).count();
    assert!(count(|verdict| matches!(verdict, Verdict::Flow(_))) > 100);
    assert!(count(|verdict| matches!(verdict, Verdict::Malformed)) > 30);
    assert!(count(|verdict| matches!(verdict, Verdict::NotIp)) > 5);
}
