//! How often the kernel left a program out because it was running on the CPU already (`BPF_OBJ_GET_INFO_BY_FD`). aya does not give
//! this number.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use super::bpf::{Command, bpf};

/// `BPF_OBJ_GET_INFO_BY_FD` part of `union bpf_attr`.
#[repr(C)]
struct Attributes {
    bpf_fd: u32,
    info_len: u32,
    info: u64,
}

/// Place of `recursion_misses` in `struct bpf_prog_info` (include/uapi/linux/bpf.h), in words of 8 bytes. The kernel writes as much of
/// the structure as there is room for.
const RECURSION_MISSES: usize = 26;
const WORDS: usize = RECURSION_MISSES + 1;
const INFO_LEN: u32 = 216;

const _: () = assert!(size_of::<[u64; WORDS]>() == INFO_LEN as usize);

/// How often a tracing program was left out, since it was loaded; 0 before Linux 5.12, which does not count it.
///
/// # Errors
/// `EPERM` for a program of somebody else's.
pub(crate) fn missed(program: BorrowedFd<'_>) -> io::Result<u64> {
    // No room for lists, whose lengths and addresses are 0.
    let mut info = [0_u64; WORDS];
    let mut attributes = Attributes {
        bpf_fd: program.as_raw_fd().unsigned_abs(),
        info_len: INFO_LEN,
        info: info.as_mut_ptr() as u64,
    };
    // SAFETY: the kernel reads and writes at most `info_len` bytes of the array, which outlives the call, and follows no address in it,
    // as all are 0.
    unsafe { bpf(Command::ObjGetInfoByFd, &mut attributes) }?;
    // SAFETY: a word of the array. Volatile, because the compiler does not see who wrote it.
    Ok(unsafe { (&raw const info[RECURSION_MISSES]).read_volatile() })
}
