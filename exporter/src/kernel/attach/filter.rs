//! Filters and qdiscs of traffic control as rtnetlink writes them (`rtnetlink.h`, `pkt_sched.h` and `pkt_cls.h` of
//! include/uapi/linux).

use std::os::fd::{AsRawFd, BorrowedFd};

use abi::Direction;

use crate::kernel::netlink::{NLM_F_CREATE, NLM_F_EXCL, Request, attributes, number, text};

pub(super) const RTM_NEWQDISC: u16 = 36;
const RTM_DELQDISC: u16 = 37;
const RTM_GETQDISC: u16 = 38;
pub(super) const RTM_NEWTFILTER: u16 = 44;
const RTM_DELTFILTER: u16 = 45;
const RTM_GETTFILTER: u16 = 46;

const TCA_KIND: u16 = 1;
const TCA_OPTIONS: u16 = 2;
const TCA_CHAIN: u16 = 11;
const TCA_BPF_FD: u16 = 6;
const TCA_BPF_NAME: u16 = 7;
const TCA_BPF_FLAGS: u16 = 8;
const TCA_BPF_FLAG_ACT_DIRECT: u32 = 1;

const TC_H_CLSACT: u32 = 0xffff_fff1;
const CLSACT_HANDLE: u32 = 0xffff_0000;
/// `struct tcmsg`.
const HEADER: usize = 20;
/// `ETH_P_ALL`.
const EVERY_PROTOCOL: u16 = 3;

const CLSACT: &str = "clsact";
const INGRESS: &str = "ingress";
const BPF: &str = "bpf";

/// A filter of an interface and direction, ours or another's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Filter {
    pub(super) priority: u16,
    /// EtherType that it looks at, in host order.
    pub(super) protocol: u16,
    /// 0: not a filter, but the classifier of a priority, which holds them.
    pub(super) handle: u32,
    pub(super) chain: u32,
    pub(super) kind: String,
    /// Only filters of the kind `bpf` have one.
    pub(super) name: Option<String>,
}

impl Filter {
    /// Whether a filter of ours fits beside it: one priority holds one kind of classifier, for one protocol.
    pub(super) fn is_sociable(&self) -> bool {
        self.kind == BPF && self.protocol == EVERY_PROTOCOL
    }

    /// From the body of an `RTM_NEWTFILTER`.
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        let handle = u32::from_ne_bytes(number(body, 8)?);
        let info = u32::from_ne_bytes(number(body, 16)?);
        let (mut kind, mut name, mut chain) = (String::new(), None, 0);
        for attribute in attributes(body.get(HEADER..)?) {
            let value = attribute.value();
            match attribute.kind() {
                TCA_KIND => kind = text(value),
                TCA_CHAIN => chain = u32::from_ne_bytes(number(value, 0)?),
                TCA_OPTIONS if kind == BPF => {
                    name = attributes(value)
                        .find(|option| option.kind() == TCA_BPF_NAME)
                        .map(|name| text(name.value()));
                }
                _ => {}
            }
        }
        let [priority, protocol] = [(info >> 16) as u16, u16::from_be((info & 0xffff) as u16)];
        Some(Self { priority, protocol, handle, chain, kind, name })
    }
}

/// Asks for all filters of an interface and direction.
pub(super) fn list(ifindex: u32, direction: Direction) -> Request {
    Request::new(RTM_GETTFILTER, 0, &header(ifindex, 0, parent(direction), 0))
}

/// Adds a filter, or replaces the one of this priority and handle in one step.
pub(super) fn put(
    ifindex: u32,
    direction: Direction,
    (priority, handle): (u16, u32),
    replace: bool,
    program: BorrowedFd<'_>,
    name: &str,
) -> Request {
    let flags = if replace { NLM_F_CREATE } else { NLM_F_CREATE | NLM_F_EXCL };
    Request::new(RTM_NEWTFILTER, flags, &header(ifindex, handle, parent(direction), info(priority)))
        .text(TCA_KIND, BPF)
        .nested(TCA_OPTIONS, |options| {
            options
                .number(TCA_BPF_FD, program.as_raw_fd().unsigned_abs())
                .text(TCA_BPF_NAME, name)
                .number(TCA_BPF_FLAGS, TCA_BPF_FLAG_ACT_DIRECT)
        })
}

/// Removes one filter of the kind `bpf`, named by all that names it.
pub(super) fn remove(ifindex: u32, direction: Direction, priority: u16, handle: u32) -> Request {
    Request::new(RTM_DELTFILTER, 0, &header(ifindex, handle, parent(direction), info(priority)))
        .text(TCA_KIND, BPF)
}

/// Makes the clsact qdisc, if there is none and no `ingress` qdisc in its place.
pub(super) fn create_qdisc(ifindex: u32) -> Request {
    Request::new(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, &header(ifindex, CLSACT_HANDLE, TC_H_CLSACT, 0))
        .text(TCA_KIND, CLSACT)
}

/// Removes the clsact qdisc, and with it every filter on it.
pub(super) fn remove_qdisc(ifindex: u32) -> Request {
    Request::new(RTM_DELQDISC, 0, &header(ifindex, CLSACT_HANDLE, TC_H_CLSACT, 0)).text(TCA_KIND, CLSACT)
}

/// Succeeds if the interface has a clsact qdisc.
pub(super) fn find_qdisc(ifindex: u32) -> Request {
    Request::new(RTM_GETQDISC, 0, &header(ifindex, 0, TC_H_CLSACT, 0)).text(TCA_KIND, CLSACT)
}

/// Asks for all qdiscs of all interfaces.
pub(super) fn list_qdiscs() -> Request {
    Request::new(RTM_GETQDISC, 0, &header(0, 0, 0, 0))
}

/// The interface of a qdisc that can hold filters of ours, and the directions that it has, from the body of an `RTM_NEWQDISC`.
pub(super) fn filterable(body: &[u8]) -> Option<(u32, &'static [Direction])> {
    let ifindex = u32::from_ne_bytes(number(body, 4)?);
    let kind = attributes(body.get(HEADER..)?).find(|attribute| attribute.kind() == TCA_KIND)?;
    match text(kind.value()).as_str() {
        CLSACT => Some((ifindex, &[Direction::Ingress, Direction::Egress])),
        INGRESS => Some((ifindex, &[Direction::Ingress])),
        _ => None,
    }
}

/// `TC_H_MIN_INGRESS` and `TC_H_MIN_EGRESS` of the clsact qdisc.
fn parent(direction: Direction) -> u32 {
    match direction {
        Direction::Ingress => 0xffff_fff2,
        Direction::Egress => 0xffff_fff3,
    }
}

fn info(priority: u16) -> u32 {
    u32::from(priority) << 16 | u32::from(EVERY_PROTOCOL.to_be())
}

fn header(ifindex: u32, handle: u32, parent: u32, info: u32) -> [u8; HEADER] {
    let mut header = [0; HEADER];
    for (at, value) in [(4, ifindex), (8, handle), (12, parent), (16, info)] {
        header[at..at + 4].copy_from_slice(&value.to_ne_bytes());
    }
    header
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use netlink_packet_core::{NetlinkMessage, NetlinkPayload};
    use netlink_packet_route::RouteNetlinkMessage;
    use netlink_packet_route::tc::{TcAttribute, TcBpfFlags, TcFilterBpfOption, TcHandle, TcOption};

    use super::*;

    fn decoded(request: Request) -> RouteNetlinkMessage {
        let message = NetlinkMessage::deserialize(&request.finish(1, 0)).unwrap();
        let NetlinkPayload::InnerMessage(inner) = message.payload else { panic!("no rtnetlink message") };
        inner
    }

    /// An independent decoder reads what is meant.
    #[test]
    fn a_filter_is_written_as_meant() {
        let file = std::fs::File::open("/dev/null").unwrap();
        let request = put(7, Direction::Egress, (65535, 0x1234), false, file.as_fd(), "ofe/default");
        let RouteNetlinkMessage::NewTrafficFilter(message) = decoded(request) else { panic!("no filter") };
        assert_eq!((message.header.index, u32::from(message.header.handle)), (7, 0x1234));
        assert_eq!(message.header.parent, TcHandle { major: u16::MAX, minor: TcHandle::MIN_EGRESS });
        assert_eq!(message.header.info, 0xffff_0000 | u32::from(3_u16.to_be()));
        let fd = file.as_raw_fd().unsigned_abs();
        assert_eq!(
            message.attributes,
            [
                TcAttribute::Kind("bpf".to_owned()),
                TcAttribute::Options(vec![
                    TcOption::Bpf(TcFilterBpfOption::ProgFd(fd)),
                    TcOption::Bpf(TcFilterBpfOption::ProgName("ofe/default".to_owned())),
                    TcOption::Bpf(TcFilterBpfOption::Flags(TcBpfFlags::DirectAction)),
                ]),
            ]
        );
    }

    #[test]
    fn a_qdisc_is_written_as_meant() {
        for (request, made) in [(create_qdisc(9), true), (remove_qdisc(9), false)] {
            let message = match decoded(request) {
                RouteNetlinkMessage::NewQueueDiscipline(message) if made => message,
                RouteNetlinkMessage::DelQueueDiscipline(message) if !made => message,
                other => panic!("{other:?}"),
            };
            assert_eq!(message.header.parent, TcHandle::CLSACT);
            assert_eq!(message.header.handle, TcHandle { major: u16::MAX, minor: 0 });
            assert_eq!(message.attributes, [TcAttribute::Kind("clsact".to_owned())]);
        }
    }

    #[test]
    fn an_ingress_qdisc_has_one_direction() {
        let qdisc =
            |kind: &str| Request::new(RTM_NEWQDISC, 0, &header(7, 0, 0, 0)).text(TCA_KIND, kind).finish(1, 0);
        let directions = |kind: &str| {
            filterable(&qdisc(kind)[16..]).map(|(ifindex, directions)| (ifindex, directions.len()))
        };
        assert_eq!(directions("clsact"), Some((7, 2)));
        assert_eq!(directions("ingress"), Some((7, 1)));
        assert_eq!(directions("htb"), None);
        assert_eq!(filterable(&[]), None);
    }

    #[test]
    fn a_filter_is_read_as_written() {
        let file = std::fs::File::open("/dev/null").unwrap();
        let request = put(7, Direction::Ingress, (2, 77), true, file.as_fd(), "ofe/x+qdisc");
        let filter = Filter::read(&request.finish(1, 0)[16..]).unwrap();
        assert_eq!((filter.priority, filter.protocol, filter.handle, filter.chain), (2, 3, 77, 0));
        assert_eq!(filter.name.as_deref(), Some("ofe/x+qdisc"));
        assert!(filter.is_sociable());
        assert_eq!(Filter::read(&[0; 10]), None);
    }

    #[test]
    fn filters_of_unknown_kinds_are_read_as_well() {
        let request = Request::new(RTM_NEWTFILTER, 0, &header(1, 1, 0, info(5)))
            .text(TCA_KIND, "newfangled")
            .attribute(TCA_OPTIONS, &[0xff; 9])
            .number(TCA_CHAIN, 4);
        let filter = Filter::read(&request.finish(1, 0)[16..]).unwrap();
        assert_eq!((filter.kind.as_str(), filter.chain, filter.name.as_deref()), ("newfangled", 4, None));
        assert!(!filter.is_sociable());
    }
}
