//! What holds of all that the kernel says: see [`crate::check`].

use abi::protocol;

use crate::flow::Tuple;
use crate::kernel::btf::Btf;
use crate::kernel::drops::Layout;
use crate::kernel::interfaces::{self, Event, Whose};
use crate::kernel::{attach, netlink, nsid, stacks};

/// Messages of netlink, each read as all that is asked for. One of conntrack is compared with two made-up directions of a connection.
///
/// # Panics
/// If they do not end, or one says what it cannot say.
pub fn messages(input: &[u8]) {
    let mut read = 0;
    for message in netlink::messages(input).map_while(Result::ok) {
        read += 1;
        assert!(read <= input.len(), "messages without an end");
        let _ = netlink::answer(&message);
        let (kind, body) = (message.message_type(), message.payload());
        for whose in [Whose::Own, Whose::Pod] {
            if let Some(Event::Present(interface)) = interfaces::event(kind, body, whose) {
                assert!(interface.address.len() < body.len(), "{interface:?}");
            }
        }
        attach::check(body);
        let _ = nsid::read(body);
        for packets in [tuple(4, "::ffff:10.0.0.1", "::ffff:10.0.0.2"), tuple(6, "fd00::1", "fd00::2")] {
            stacks::check(body, &packets);
        }
    }
    stacks::check_ports(&String::from_utf8_lossy(input));
}

fn tuple(ip_version: u8, source: &str, destination: &str) -> Tuple {
    let address = |text: &str| text.parse().expect("an address");
    Tuple {
        source: address(source),
        destination: address(destination),
        source_port: Some(50_001),
        destination_port: Some(50_002),
        protocol: protocol::TCP,
        ip_version,
        icmp: None,
    }
}

/// Types of a kernel: as they are, and as the words of types whose names are those that are asked for.
///
/// # Panics
/// If a type that cannot be read is not refused.
pub fn types(input: &[u8]) {
    look_at(input.to_vec());
    let [types, names] = [input.len(), NAMES.len()].map(|len| u32::try_from(len).unwrap_or(0).to_ne_bytes());
    let header =
        [&0xeb9f_u16.to_ne_bytes()[..], &[1, 0], &24_u32.to_ne_bytes(), &[0; 4], &types, &types, &names];
    look_at([&header.concat(), input, NAMES.as_bytes()].concat());
}

const NAMES: &str = "\0sk_buff\0head\0data\0tail\0end\0len\0network_header\0protocol\0skb_shared_info\0gso_size\0gso_segs\0\
    skb_drop_reason\0btf_trace_kfree_skb\0A\0";

fn look_at(bytes: Vec<u8>) {
    let Ok(btf) = Btf::parse(bytes) else { return };
    for (structure, member) in [("sk_buff", "head"), ("sk_buff", "protocol"), ("skb_shared_info", "gso_size")]
    {
        let _ = btf.offset(structure, member);
    }
    let _ = (btf.enumerators("skb_drop_reason"), btf.arguments("btf_trace_kfree_skb"));
    let _ = Layout::of(&btf);
}
