//! An array map in this process's memory (Linux 5.5): read without a call, entry by entry.

use std::io;
use std::marker::PhantomData;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::ptr::{self, NonNull, null_mut};

use aya::Pod;

/// A map of `BPF_F_MMAPABLE`, whose values are of type `T`.
///
/// The kernel's programs may write the map meanwhile: then what is read is a mixture of old and new, as after any other way to
/// read it.
#[derive(Debug)]
pub(crate) struct Mapped<T> {
    start: NonNull<T>,
    len: u32,
    /// The mapping does not need it; what lists a process's maps finds it by this.
    _map: OwnedFd,
    of: PhantomData<T>,
}

// SAFETY: the mapping belongs to no thread, and is accessed through copies of values only.
unsafe impl<T: Pod> Send for Mapped<T> {}
// SAFETY: a shared reference only gives copies, and only an exclusive one writes.
unsafe impl<T: Pod> Sync for Mapped<T> {}

impl<T: Pod> Mapped<T> {
    /// Maps the first `len` values. `T` has to be the map's own type, of a size that is a multiple of 8.
    ///
    /// # Errors
    /// As of mmap(2): `EINVAL` for a map that is smaller, `EPERM` for one that is frozen or cannot be mapped.
    pub(crate) fn new(map: BorrowedFd<'_>, len: u32) -> io::Result<Self> {
        let bytes = (len as usize).checked_mul(size_of::<T>()).ok_or(io::ErrorKind::InvalidInput)?;
        let descriptor = map.try_clone_to_owned()?;
        // SAFETY: a new mapping, at a place that the kernel chooses.
        let start = unsafe {
            libc::mmap(
                null_mut(),
                bytes,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                map.as_raw_fd(),
                0,
            )
        };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::AddrNotAvailable)?;
        Ok(Self { start, len, _map: descriptor, of: PhantomData })
    }

    /// A copy of a value.
    ///
    /// # Panics
    /// If there is none of this index.
    pub(crate) fn get(&self, index: u32) -> T {
        assert!(index < self.len, "the map has {} values", self.len);
        // SAFETY: inside the mapping, which is aligned to pages and lives as long as `self`; any bytes are a value of a `Pod` type.
        // Volatile, because the kernel may write it.
        unsafe { self.start.as_ptr().add(index as usize).read_volatile() }
    }

    /// Replaces a value.
    ///
    /// # Panics
    /// As [`get`](Self::get).
    pub(crate) fn set(&mut self, index: u32, value: T) {
        assert!(index < self.len, "the map has {} values", self.len);
        // SAFETY: as above.
        unsafe { self.start.as_ptr().add(index as usize).write_volatile(value) }
    }
}

impl<const N: usize> Mapped<[u8; N]> {
    /// Replaces the first bytes of a value.
    ///
    /// # Panics
    /// As [`get`](Self::get), and if there are more than a value has.
    pub(crate) fn write(&mut self, index: u32, bytes: &[u8]) {
        assert!(index < self.len && bytes.len() <= N, "the map has {} values of {N} bytes", self.len);
        // SAFETY: inside the mapping, as above. The caller's bytes are not of it, because nobody is given a reference into it.
        unsafe {
            ptr::copy_nonoverlapping(
                bytes.as_ptr(),
                self.start.as_ptr().add(index as usize).cast(),
                bytes.len(),
            );
        }
    }
}

impl<T> Drop for Mapped<T> {
    fn drop(&mut self) {
        // SAFETY: the mapping that `new` made, and nobody has it any more.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.len as usize * size_of::<T>()) };
    }
}
