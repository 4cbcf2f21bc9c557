//! bpf(2) itself.

use std::io;

/// Commands of bpf(2), by their number in `enum bpf_cmd` (include/uapi/linux/bpf.h).
#[derive(Clone, Copy, Debug)]
#[repr(i32)]
pub(super) enum Command {
    MapCreate = 0,
    MapUpdateElem = 2,
    ProgTestRun = 10,
    ObjGetInfoByFd = 15,
    MapLookupAndDeleteBatch = 25,
    LinkCreate = 28,
}

/// Runs a command.
///
/// # Safety
/// `attributes` has to be the part of `union bpf_attr` that the command reads, `repr(C)` and fully initialised; each pointer
/// in it has to be valid for what the command reads and writes through it.
pub(super) unsafe fn bpf<A>(command: Command, attributes: &mut A) -> io::Result<i32> {
    // SAFETY: the caller vouches for the attributes; the kernel reads and writes at most `size_of::<A>()` bytes of them.
    let result =
        unsafe { libc::syscall(libc::SYS_bpf, command as libc::c_int, &raw mut *attributes, size_of::<A>()) };
    // The kernel returns an int: a file descriptor, 0 or -1.
    i32::try_from(result).ok().filter(|result| *result >= 0).ok_or_else(io::Error::last_os_error)
}
