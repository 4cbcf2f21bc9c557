//! The numbers that network namespaces have for each other (net/core/net_namespace.c, include/uapi/linux/net_namespace.h).

use std::os::fd::{AsRawFd, BorrowedFd};

use crate::kernel::netlink::{NetlinkError, Request, Socket, attributes, number};

const RTM_NEWNSID: u16 = 88;
const RTM_GETNSID: u16 = 90;
const NETNSA_NSID: u16 = 1;
const NETNSA_FD: u16 = 3;
/// `struct rtgenmsg`, padded.
const HEADER: usize = 4;

/// The number that the namespace of a socket of rtnetlink has for another one; `None` if it has none.
pub(super) fn nsid(requests: &mut Socket, of: BorrowedFd<'_>) -> Result<Option<i32>, NetlinkError> {
    let request =
        Request::new(RTM_GETNSID, 0, &[0; HEADER]).attribute(NETNSA_FD, &of.as_raw_fd().to_ne_bytes());
    let answer = |kind, body: &[u8]| (kind == RTM_NEWNSID).then(|| read(body)).flatten();
    Ok(requests.ask(request, answer)?.filter(|nsid| *nsid >= 0))
}

/// What a message says, which is told where there is none by a negative number.
pub(super) fn read(body: &[u8]) -> Option<i32> {
    let mut attributes = attributes(body.get(HEADER..)?);
    let nsid = attributes.find(|attribute| attribute.kind() == NETNSA_NSID)?;
    number(nsid.value(), 0).map(i32::from_ne_bytes)
}
