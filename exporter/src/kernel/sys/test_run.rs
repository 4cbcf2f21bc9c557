//! Runs a program on a packet of the caller's (`BPF_PROG_TEST_RUN`): no device carries the packet, and nothing receives it.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use super::bpf::{Command, bpf};

/// What the kernel is told about a packet beside its bytes. It takes nothing else: a VLAN tag has to stand in the bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PacketContext {
    /// Interface of the packet, in the caller's network namespace; 0 and 1 are the loopback interface.
    pub ifindex: u32,
    /// Segments of a GSO or GRO packet.
    pub gso_segs: u32,
    /// Payload bytes of a segment.
    pub gso_size: u32,
    /// Time stamp in nanoseconds; the program reads it back.
    pub tstamp: u64,
    /// How many bytes lie in the packet's linear part, at least 14; 0 for all. `EINVAL` on a kernel that makes linear packets only
    /// (6.18 is one).
    pub linear_len: u32,
}

/// `BPF_PROG_TEST_RUN` part of `union bpf_attr`.
#[repr(C)]
struct Attributes {
    prog_fd: u32,
    retval: u32,
    data_size_in: u32,
    data_size_out: u32,
    data_in: u64,
    data_out: u64,
    repeat: u32,
    duration: u32,
    ctx_size_in: u32,
    ctx_size_out: u32,
    ctx_in: u64,
    ctx_out: u64,
    flags: u32,
    cpu: u32,
    batch_size: u32,
    padding: u32,
}

/// `struct __sk_buff` (include/uapi/linux/bpf.h). The kernel refuses a field that it does not take if it is not zero.
#[repr(C)]
#[derive(Default)]
struct Context {
    len: u32,
    pkt_type_to_ingress_ifindex: [u32; 9],
    ifindex: u32,
    tc_index_to_data: [u32; 9],
    data_end: u32,
    napi_id_to_data_meta: [u32; 15],
    flow_keys: u64,
    tstamp: u64,
    wire_len: u32,
    gso_segs: u32,
    sk: u64,
    gso_size: u32,
    tstamp_type: u32,
    hwtstamp: u64,
}

const CONTEXT_LEN: u32 = 192;

const _: () = {
    assert!(size_of::<Attributes>() == 80 && size_of::<Context>() == CONTEXT_LEN as usize);
    assert!(std::mem::offset_of!(Context, ifindex) == 40);
    assert!(std::mem::offset_of!(Context, data_end) == 80);
    assert!(std::mem::offset_of!(Context, tstamp) == 152 && std::mem::offset_of!(Context, gso_size) == 176);
};

/// Runs a tc program once and gives its verdict. The packet begins with the header that the program expects first.
///
/// # Errors
/// `EINVAL` for a packet that ends before its Ethernet or IP header does, one that is longer than the kernel takes (3520 bytes
/// are safe) or a context that contradicts it,
/// `ENODEV` for an interface that is not there, `EPERM` without `CAP_BPF` and `CAP_NET_ADMIN`.
pub fn test_run(program: BorrowedFd<'_>, packet: &[u8], context: &PacketContext) -> io::Result<i32> {
    run(program, packet, context, 1)
}

/// Runs a tc program several times, one after the other. What a run makes of the packet, the next one finds.
///
/// # Errors
/// As [`test_run`], and `EINTR` for a signal that ended it after at least one run.
pub(crate) fn test_runs(program: BorrowedFd<'_>, packet: &[u8], times: u32) -> io::Result<()> {
    run(program, packet, &PacketContext::default(), times).map(drop)
}

fn run(program: BorrowedFd<'_>, packet: &[u8], context: &PacketContext, times: u32) -> io::Result<i32> {
    let too_long = |_| io::Error::from_raw_os_error(libc::EINVAL);
    // Without one all of it is 0 as well, and the kernel has less to copy and to check.
    let has_context = *context != PacketContext::default();
    let context = Context {
        ifindex: context.ifindex,
        data_end: context.linear_len,
        tstamp: context.tstamp,
        gso_segs: context.gso_segs,
        gso_size: context.gso_size,
        ..Context::default()
    };
    let mut attributes = Attributes {
        prog_fd: program.as_raw_fd().unsigned_abs(),
        retval: 0,
        data_size_in: packet.len().try_into().map_err(too_long)?,
        data_size_out: 0,
        data_in: packet.as_ptr() as u64,
        data_out: 0,
        repeat: times,
        duration: 0,
        ctx_size_in: if has_context { CONTEXT_LEN } else { 0 },
        ctx_size_out: 0,
        ctx_in: if has_context { (&raw const context) as u64 } else { 0 },
        ctx_out: 0,
        flags: 0,
        cpu: 0,
        batch_size: 0,
        padding: 0,
    };
    // SAFETY: the kernel reads `data_size_in` bytes of the packet and `ctx_size_in` of the context, which both outlive the call,
    // and writes to neither: there is no room to write to (`data_out`, `ctx_out`).
    unsafe { bpf(Command::ProgTestRun, &mut attributes) }?;
    Ok(attributes.retval.cast_signed())
}
