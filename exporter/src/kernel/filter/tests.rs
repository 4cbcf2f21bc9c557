//! What is read of rules, and what is said of wrong ones. That the programs compare as is written is a test of the programs
//! (`tests/tests/packets`).

use std::net::IpAddr;

use abi::{Direction, FilterRule, FilterSubject, ObservationKey, protocol};
use proptest::prelude::*;

use super::Filter;

fn parse(rules: &str) -> Filter {
    Filter::parse([rules]).unwrap_or_else(|error| panic!("{error}"))
}

fn error(rules: &str) -> String {
    Filter::parse([rules]).expect_err(rules).to_string()
}

/// A packet of an address and port to another.
fn subject(number: u8, from: (&str, u16), to: (&str, u16)) -> FilterSubject {
    let address = |text: &str| -> ([u64; 2], u8) {
        let (address, version) = match text.parse().unwrap() {
            IpAddr::V4(address) => (address.to_ipv6_mapped(), 4),
            IpAddr::V6(address) => (address, 6),
        };
        let [a, b] = [0, 8].map(|at| *address.octets()[at..].first_chunk().unwrap());
        ([u64::from_ne_bytes(a), u64::from_ne_bytes(b)], version)
    };
    let ((src_addr, ip_version), (dst_addr, _)) = (address(from.0), address(to.0));
    let key = ObservationKey {
        src_addr,
        dst_addr,
        src_port: from.1,
        dst_port: to.1,
        ifindex: 3,
        scope: 0,
        vni: 0,
        protocol: number,
        ip_version,
        direction: Direction::Ingress as u8,
        flags: 0,
    };
    FilterSubject::of(&key.pack(0))
}

/// As the programs do.
fn accepts(rules: &[FilterRule], packet: &FilterSubject) -> bool {
    rules.iter().find(|rule| rule.fits(packet)).is_none_or(|rule| rule.rejects == 0)
}

#[test]
fn the_first_rule_that_fits_decides_in_both_directions() {
    let rules =
        parse("accept tcp 10.0.0.0/8 <-> any port 443\nreject 10.1.2.3; reject fd00::/8 <-> fd00:1::7")
            .compile();
    let both = |number, one, other| {
        let [there, back] = [subject(number, one, other), subject(number, other, one)];
        let verdict = accepts(&rules, &there);
        assert_eq!(verdict, accepts(&rules, &back), "{one:?} {other:?}");
        verdict
    };
    assert!(both(protocol::TCP, ("10.1.2.3", 50_000), ("192.0.2.1", 443)), "the first rule");
    assert!(!both(protocol::UDP, ("10.1.2.3", 50_000), ("192.0.2.1", 443)), "another protocol");
    assert!(!both(protocol::TCP, ("10.1.2.3", 50_000), ("192.0.2.1", 444)), "another port");
    assert!(both(protocol::TCP, ("10.1.2.4", 50_000), ("192.0.2.1", 444)), "no rule");
    assert!(!both(protocol::ICMPV6, ("fd00:2::1", 0), ("fd00:1::7", 0)), "both ends");
    assert!(both(protocol::ICMPV6, ("2001:db8::1", 0), ("fd00:1::7", 0)), "one end of two");
}

#[test]
fn conditions_come_in_any_order() {
    let written = parse("reject udp 10.0.0.0/8 <-> 192.0.2.7 port 53").compile();
    for other in [
        "reject port 53 10.0.0.0/8<->192.0.2.7/32 udp",
        "reject  protocol 17 port 53-53 ipv4 10.0.0.0/8 <-> 192.0.2.7",
        ";\n reject udp port 53 10.0.0.0/8 <-> 192.0.2.7 ;;",
    ] {
        assert_eq!(parse(other).compile(), written, "{other}");
    }
    assert_eq!(parse("reject any <-> any").compile(), parse("reject").compile());
}

#[test]
fn a_port_is_one_of_a_transport_and_no_type_of_a_message() {
    let rules = parse("reject port 0-65535").compile();
    let address = ("10.0.0.1", 8);
    assert!(accepts(&rules, &subject(protocol::ICMP, address, address)));
    assert!(accepts(&rules, &subject(47, address, address)));
    assert!(!accepts(&rules, &subject(protocol::SCTP, address, address)));
}

#[test]
fn a_wrong_rule_is_told_by_its_place_its_word_and_what_is_expected() {
    for (rules, words) in [
        ("drop udp", &["rule 1", "`drop udp`", "`drop`", "`accept` or `reject`"][..]),
        ("reject; reject udp", &["rule 2", "never asked"]),
        ("reject tcp; accept upd", &["rule 2", "`upd`", "a protocol"]),
        ("reject tcp udp", &["`udp`", "second protocol"]),
        ("reject port", &["ends before", "8000-8999"]),
        ("reject port 9-8", &["`9-8`", "8000-8999"]),
        ("reject port 65536", &["`65536`"]),
        ("reject port http", &["`http`", "a port (443)"]),
        ("reject protocol 256", &["`256`", "0 to 255"]),
        ("reject 10.0.0.0/33", &["`10.0.0.0/33`", "`/33`", "0 to 32"]),
        ("reject fd00::/129", &["0 to 128"]),
        ("reject 10.0.0.1/8", &["`10.0.0.1/8`", "10.0.0.0/8"]),
        ("reject fd00::1/8", &["fd00::/8"]),
        ("reject 10.0.0/8", &["`10.0.0/8`", "invalid IP address"]),
        ("reject 10.0.0.0/8 <->", &["ends before", "any"]),
        ("reject 10.0.0.0/8 <-> tcp", &["`tcp`", "an address"]),
        ("reject <-> 10.0.0.0/8", &["`<->`"]),
        ("reject 10.0.0.0/8 10.1.0.0/16", &["second pair"]),
        ("reject 10.0.0.0/8 <-> fd00::/8", &["IPv4 and IPv6 at once"]),
        ("reject ipv6 10.0.0.0/8", &["IPv4 and IPv6 at once"]),
        ("reject icmp port 8", &["no ports"]),
        ("reject from 10.0.0.1", &["`from`", "A <-> B"]),
        ("accept tcp port 443", &["the last rule", "`reject`"]),
    ] {
        let error = error(rules);
        for word in words {
            assert!(error.contains(word), "no {word} in: {error}");
        }
    }
}

#[test]
fn an_explicit_last_word_may_be_either() {
    for (last, seen) in [("accept", true), ("reject", false)] {
        let rules = parse(&format!("accept udp;reject ipv6;{last}")).compile();
        let packet = subject(protocol::TCP, ("10.0.0.1", 1), ("10.0.0.2", 2));
        assert_eq!(accepts(&rules, &packet), seen);
    }
}

#[test]
fn there_is_room_for_so_many_rules_and_no_more() {
    let rules = |number| vec!["reject udp port 53"; number].join(";");
    assert_eq!(parse(&rules(FilterRule::MAX as usize)).compile().len(), FilterRule::MAX as usize);
    assert!(error(&rules(FilterRule::MAX as usize + 1)).contains("room for 128"));
    assert!(Filter::parse([]).unwrap().is_everything() && parse(" ;\n").is_everything());
}

proptest! {
    #[test]
    fn whatever_is_written_is_read_or_refused(
        words in proptest::collection::vec(
            prop_oneof![
                4 => proptest::sample::select(vec![
                    "accept", "reject", "tcp", "icmp", "ipv6", "any", "<->", "port", "protocol", "443", "1-2", ";",
                    "10.0.0.0/8", "::/0", "0.0.0.0/0", "fd00::1",
                ]).prop_map(str::to_owned),
                1 => "\\PC{0,6}",
            ],
            0..8,
        )
    ) {
        let text = words.join(" ");
        match Filter::parse([text.as_str()]) {
            Ok(filter) => prop_assert!(filter.compile().len() <= words.len()),
            Err(error) => prop_assert!(error.to_string().starts_with("rule ")),
        }
    }

    #[test]
    fn a_prefix_fits_the_addresses_that_begin_as_it_does(
        network: u128, address: u128, flip in 0..128_u32, length in 0..=128_u32
    ) {
        let mask = u128::MAX.checked_shl(128 - length).unwrap_or(0);
        let rules = parse(&format!("reject {}/{length}", std::net::Ipv6Addr::from(network & mask))).compile();
        // Near ones too.
        for address in [address, network, network ^ 1 << flip] {
            let text = std::net::Ipv6Addr::from(address).to_string();
            let packet = subject(protocol::UDP, (text.as_str(), 1), ("::", 2));
            let fits = (address ^ network) & mask == 0 || network & mask == 0;
            prop_assert_eq!(accepts(&rules, &packet), !fits, "{}", text);
        }
    }
}
