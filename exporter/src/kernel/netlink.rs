//! A blocking netlink socket: requests, dumps and multicast groups (include/uapi/linux/netlink.h).
//!
//! Only the attributes that are asked for are looked at: a kernel that says more, or another program's filter of a kind that
//! nobody knew, must never cost an interface.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use netlink_packet_core::{DecodeError, NetlinkBuffer, NlaBuffer, NlasIterator};

const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const NLM_F_REQUEST: u16 = 0x1;
const NLM_F_ACK: u16 = 0x4;
const NLM_F_DUMP: u16 = 0x300;
const NLM_F_DUMP_INTR: u16 = 0x10;
const NLM_F_ACK_TLVS: u16 = 0x200;
const NLMSGERR_ATTR_MSG: u16 = 1;
/// `struct nlmsghdr`.
const HEADER: usize = 16;

/// Flags of a request that makes something: if it is not there, and only then.
pub(super) const NLM_F_EXCL: u16 = 0x200;
/// See [`NLM_F_EXCL`].
pub(super) const NLM_F_CREATE: u16 = 0x400;

/// The kernel answers at once; longer means that the kernel is in trouble, and the agent has to be able to stop.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// The kernel fills a dump's datagrams up to 32 KiB, and no event is larger.
const DATAGRAM: usize = 64 << 10;
/// A dump that others disturbed is asked for again this often.
const DUMPS: usize = 8;

/// A socket of the network namespace that the opening thread is in; it stays there.
#[derive(Debug)]
pub(super) struct Socket {
    netlink: netlink_sys::Socket,
    sequence: u32,
    buffer: Vec<u8>,
}

/// Why the kernel did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[error("{}{source}", .said.as_ref().map(|said| format!("{said}: ")).unwrap_or_default())]
pub struct NetlinkError {
    said: Option<String>,
    source: io::Error,
}

/// What an event socket brought.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Drained {
    /// All events there were.
    All,
    /// Events were lost: only a dump tells the state.
    Overrun,
}

impl Socket {
    /// `protocol` is a number of [`netlink_sys::protocols`].
    pub(super) fn open(protocol: isize) -> Result<Self, NetlinkError> {
        let mut netlink = netlink_sys::Socket::new(protocol)?;
        netlink.bind_auto()?;
        // Both since 4.12 and 4.3: errors with a sentence, and without a copy of the request.
        netlink.set_ext_ack(true)?;
        netlink.set_cap_ack(true)?;
        for direction in [rustix::net::sockopt::Timeout::Recv, rustix::net::sockopt::Timeout::Send] {
            rustix::net::sockopt::set_socket_timeout(&netlink, direction, Some(ANSWER_WITHIN))
                .map_err(io::Error::from)?;
        }
        Ok(Self { netlink, sequence: 0, buffer: Vec::new() })
    }

    /// Joins a multicast group, with room for `bytes` of events that were not read yet.
    pub(super) fn subscribe(&self, group: u32, bytes: usize) -> Result<(), NetlinkError> {
        // Beyond net.core.rmem_max with CAP_NET_ADMIN; what is not granted only means dumps more often.
        let _ = rustix::net::sockopt::set_socket_recv_buffer_size_force(&self.netlink, bytes)
            .or_else(|_| rustix::net::sockopt::set_socket_recv_buffer_size(&self.netlink, bytes));
        Ok(self.netlink.add_membership(group)?)
    }

    /// Has the kernel do something, and waits until it has.
    pub(super) fn execute(&mut self, request: Request) -> Result<(), NetlinkError> {
        self.ask(request, |_, _| None::<()>).map(drop)
    }

    /// Asks for one thing, of which `take` gets the type and body.
    pub(super) fn ask<T>(
        &mut self,
        request: Request,
        mut take: impl FnMut(u16, &[u8]) -> Option<T>,
    ) -> Result<Option<T>, NetlinkError> {
        let sequence = self.send(request, NLM_F_ACK)?;
        let mut answered = None;
        loop {
            self.receive(0)?;
            for message in messages(&self.buffer) {
                let message = message?;
                if message.sequence_number() != sequence {
                    continue;
                }
                if message.message_type() == NLMSG_ERROR {
                    return answer(&message).map(|()| answered);
                }
                answered = take(message.message_type(), message.payload()).or(answered);
            }
        }
    }

    /// Asks for a list, of which `take` gets the type and body of each message.
    pub(super) fn dump<T>(
        &mut self,
        request: &Request,
        mut take: impl FnMut(u16, &[u8]) -> Option<T>,
    ) -> Result<Vec<T>, NetlinkError> {
        for _ in 0..DUMPS {
            let mut list = Vec::new();
            if self.dump_once(request.clone(), |kind, body| list.extend(take(kind, body)))? {
                return Ok(list);
            }
        }
        Err(io::Error::new(io::ErrorKind::Interrupted, "the list changes faster than it can be read").into())
    }

    /// False if the list changed meanwhile.
    fn dump_once(
        &mut self,
        request: Request,
        mut take: impl FnMut(u16, &[u8]),
    ) -> Result<bool, NetlinkError> {
        let sequence = self.send(request, NLM_F_DUMP)?;
        let mut consistent = true;
        loop {
            self.receive(0)?;
            for message in messages(&self.buffer) {
                let message = message?;
                if message.sequence_number() != sequence {
                    continue;
                }
                consistent &= message.flags() & NLM_F_DUMP_INTR == 0;
                match message.message_type() {
                    // A dump that failed ends with the error number (`dump_done_errno`, net/netlink/af_netlink.c).
                    NLMSG_DONE | NLMSG_ERROR => return answer(&message).map(|()| consistent),
                    kind => take(kind, message.payload()),
                }
            }
        }
    }

    /// Gives every event that has arrived to `take`; never waits.
    pub(super) fn drain(&mut self, mut take: impl FnMut(u16, &[u8])) -> Result<Drained, NetlinkError> {
        let mut drained = Drained::All;
        loop {
            match self.receive(libc::MSG_DONTWAIT) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(drained),
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => {
                    drained = Drained::Overrun;
                    continue;
                }
                Err(error) => return Err(error.into()),
            }
            for message in messages(&self.buffer) {
                let message = message?;
                take(message.message_type(), message.payload());
            }
        }
    }

    /// Gives its memory back until it is used again: for one of many that are seldom used.
    pub(super) fn rest(&mut self) {
        self.buffer = Vec::new();
    }

    fn send(&mut self, request: Request, flags: u16) -> io::Result<u32> {
        self.sequence = self.sequence.wrapping_add(1);
        self.netlink.send(&request.finish(self.sequence, flags), 0)?;
        Ok(self.sequence)
    }

    fn receive(&mut self, flags: libc::c_int) -> io::Result<()> {
        loop {
            self.buffer.clear();
            self.buffer.reserve(DATAGRAM);
            match self.netlink.recv(&mut self.buffer, flags) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result.map(drop),
            }
        }
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.netlink.as_fd()
    }
}

impl NetlinkError {
    /// The error number of the kernel's answer (positive), if it is one.
    pub(super) fn errno(&self) -> Option<i32> {
        self.source.raw_os_error()
    }
}

impl From<io::Error> for NetlinkError {
    fn from(source: io::Error) -> Self {
        Self { said: None, source }
    }
}

impl From<DecodeError> for NetlinkError {
    fn from(error: DecodeError) -> Self {
        io::Error::new(io::ErrorKind::InvalidData, error.to_string()).into()
    }
}

/// A request on its way: header, then attributes.
#[derive(Clone, Debug)]
pub(super) struct Request {
    bytes: Vec<u8>,
}

impl Request {
    /// `body` is the fixed part that the type asks for.
    pub(super) fn new(kind: u16, flags: u16, body: &[u8]) -> Self {
        let mut bytes = vec![0; HEADER];
        bytes[4..6].copy_from_slice(&kind.to_ne_bytes());
        bytes[6..8].copy_from_slice(&(flags | NLM_F_REQUEST).to_ne_bytes());
        bytes.extend_from_slice(body);
        Self { bytes }
    }

    pub(super) fn attribute(mut self, kind: u16, value: &[u8]) -> Self {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&[0, 0]);
        self.bytes.extend_from_slice(&kind.to_ne_bytes());
        self.bytes.extend_from_slice(value);
        self.close(start);
        self
    }

    /// A text, ended by a zero byte.
    pub(super) fn text(self, kind: u16, text: &str) -> Self {
        self.attribute(kind, &[text.as_bytes(), &[0]].concat())
    }

    pub(super) fn number(self, kind: u16, number: u32) -> Self {
        self.attribute(kind, &number.to_ne_bytes())
    }

    pub(super) fn nested(mut self, kind: u16, attributes: impl FnOnce(Self) -> Self) -> Self {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&[0, 0]);
        self.bytes.extend_from_slice(&kind.to_ne_bytes());
        self = attributes(self);
        self.close(start);
        self
    }

    /// Writes the length of the attribute that began at `start`, and fills up to four bytes.
    fn close(&mut self, start: usize) {
        let length = u16::try_from(self.bytes.len() - start).expect("requests are a few hundred bytes");
        self.bytes[start..start + 2].copy_from_slice(&length.to_ne_bytes());
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }

    pub(super) fn finish(mut self, sequence: u32, flags: u16) -> Vec<u8> {
        let length = u32::try_from(self.bytes.len()).expect("requests are a few hundred bytes");
        self.bytes[..4].copy_from_slice(&length.to_ne_bytes());
        let all = u16::from_ne_bytes([self.bytes[6], self.bytes[7]]) | flags;
        self.bytes[6..8].copy_from_slice(&all.to_ne_bytes());
        self.bytes[8..12].copy_from_slice(&sequence.to_ne_bytes());
        self.bytes
    }
}

/// The attributes behind the fixed part of a message; a broken one ends them.
pub(super) fn attributes(bytes: &[u8]) -> impl Iterator<Item = NlaBuffer<&[u8]>> {
    NlasIterator::new(bytes).map_while(Result::ok)
}

/// The text of an attribute, up to its zero byte.
pub(super) fn text(value: &[u8]) -> String {
    let end = value.iter().position(|byte| *byte == 0).unwrap_or(value.len());
    String::from_utf8_lossy(&value[..end]).into_owned()
}

/// The number at an offset of a message, in the machine's byte order; `None` if the message ends before.
pub(super) fn number<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at + N)?.try_into().ok()
}

/// The messages of a datagram, and what is wrong with the last one.
pub(super) fn messages(datagram: &[u8]) -> impl Iterator<Item = Result<NetlinkBuffer<&[u8]>, DecodeError>> {
    let mut rest = datagram;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let message = NetlinkBuffer::new_checked(rest);
        // A broken message is the last one: where the next begins is not known.
        let length = message.as_ref().map_or(rest.len(), |message| message.length() as usize);
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(message)
    })
}

/// `struct nlmsgerr`: a negative errno, or 0 for done; then the request's header, then attributes. The end of a dump has the number.
pub(super) fn answer(message: &NetlinkBuffer<&[u8]>) -> Result<(), NetlinkError> {
    let body = message.payload();
    let code = i32::from_ne_bytes(number(body, 0).unwrap_or_default());
    if code == 0 {
        return Ok(());
    }
    let said = (message.flags() & NLM_F_ACK_TLVS != 0)
        .then(|| body.get(4 + HEADER..))
        .flatten()
        .and_then(|rest| attributes(rest).find(|attribute| attribute.kind() == NLMSGERR_ATTR_MSG))
        .map(|attribute| text(attribute.value()).trim_end_matches('.').to_owned());
    Err(NetlinkError { said, source: io::Error::from_raw_os_error(code.saturating_neg()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_padded_nested_and_counted() {
        let bytes = Request::new(44, NLM_F_CREATE, &[9; 4])
            .text(1, "bpf")
            .nested(2, |options| options.attribute(7, b"abcde").number(8, 1))
            .finish(77, NLM_F_ACK);
        let message = NetlinkBuffer::new_checked(&bytes[..]).unwrap();
        assert_eq!(message.length() as usize, bytes.len());
        assert_eq!(message.sequence_number(), 77);
        assert_eq!(message.flags(), NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE);
        let outer: Vec<_> = attributes(&message.payload()[4..]).collect();
        assert_eq!((outer[0].kind(), text(outer[0].value())), (1, "bpf".to_owned()));
        let inner: Vec<_> =
            attributes(outer[1].value()).map(|inner| (inner.kind(), inner.value().to_vec())).collect();
        assert_eq!(inner, [(7, b"abcde".to_vec()), (8, 1_u32.to_ne_bytes().to_vec())]);
    }

    #[test]
    fn an_error_says_what_the_kernel_says() {
        let bytes = Request::new(
            NLMSG_ERROR,
            NLM_F_ACK_TLVS,
            &[(-22_i32).to_ne_bytes().to_vec(), vec![0; HEADER]].concat(),
        )
        .text(NLMSGERR_ATTR_MSG, "Specified qdisc kind is unknown.")
        .finish(1, 0);
        let error = answer(&NetlinkBuffer::new_checked(&bytes[..]).unwrap()).unwrap_err();
        assert_eq!(error.errno(), Some(libc::EINVAL));
        assert_eq!(error.to_string(), "Specified qdisc kind is unknown: Invalid argument (os error 22)");
    }

    #[test]
    fn broken_bytes_end_quietly_or_are_an_error() {
        assert_eq!(attributes(&[3, 0, 1, 0, 9]).count(), 0);
        assert_eq!(attributes(&[200, 0, 1, 0, 9]).count(), 0);
        assert!(messages(&[1, 2, 3]).next().unwrap().is_err());
        assert!(messages(&[0; 64]).next().unwrap().is_err());
        assert!(
            answer(&NetlinkBuffer::new_checked(&Request::new(2, 0, &[]).finish(1, 0)[..]).unwrap()).is_ok()
        );
    }
}
