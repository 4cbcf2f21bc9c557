//! Reads and empties a hash map, many entries a call (Linux 5.6). aya has no batch operations.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use aya::Pod;

use super::bpf::{Command, bpf};

/// `BPF_MAP_*_BATCH` part of `union bpf_attr`.
#[repr(C)]
struct Attributes {
    in_batch: u64,
    out_batch: u64,
    keys: u64,
    values: u64,
    count: u32,
    map_fd: u32,
    elem_flags: u64,
    flags: u64,
}

/// Buffers for entries on their way out of a map.
pub(crate) struct Batch<K, V> {
    keys: Vec<K>,
    values: Vec<V>,
}

impl<K: Pod, V: Pod> Batch<K, V> {
    /// Buffers of `capacity` entries. A hash bucket is read whole: it has to fit.
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self { keys: Vec::with_capacity(capacity), values: Vec::with_capacity(capacity) }
    }

    /// Removes every entry and gives it to `take`. Nobody else may write the map meanwhile: an entry that is added behind the
    /// reader stays.
    ///
    /// `K` and `V` have to be the map's own types.
    ///
    /// # Errors
    /// As of bpf(2). Entries that were read before have been taken.
    pub(crate) fn drain(&mut self, map: BorrowedFd<'_>, mut take: impl FnMut(&K, &V)) -> io::Result<()> {
        let mut position = 0_u32; // The kernel's: a bucket number (kernel/bpf/hashtab.c, __htab_map_lookup_and_delete_batch).
        let mut started = false;
        loop {
            let (count, finished) = self.read(map, &mut position, started)?;
            started = true;
            // SAFETY: the kernel wrote `count` keys and values from the beginning, and any bytes are a value of a `Pod` type.
            unsafe {
                self.keys.set_len(count);
                self.values.set_len(count);
            }
            for (key, value) in self.keys.iter().zip(&self.values) {
                take(key, value);
            }
            if finished {
                return Ok(());
            }
        }
    }

    /// One call: how many entries it gave, and whether they were the last.
    fn read(&mut self, map: BorrowedFd<'_>, position: &mut u32, started: bool) -> io::Result<(usize, bool)> {
        self.keys.clear();
        self.values.clear();
        let capacity = self.keys.capacity().min(self.values.capacity());
        let position: *mut u32 = position;
        let mut attributes = Attributes {
            in_batch: if started { position as u64 } else { 0 },
            out_batch: position as u64,
            keys: self.keys.as_mut_ptr() as u64,
            values: self.values.as_mut_ptr() as u64,
            count: u32::try_from(capacity).unwrap_or(u32::MAX),
            map_fd: map.as_raw_fd().unsigned_abs(),
            elem_flags: 0,
            flags: 0,
        };
        // SAFETY: both buffers hold `capacity` entries of the map's types, and `position` outlives the call.
        let result = unsafe { bpf(Command::MapLookupAndDeleteBatch, &mut attributes) };
        match result {
            Ok(_) => Ok((attributes.count as usize, false)),
            Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok((attributes.count as usize, true)),
            Err(error) => Err(error),
        }
    }
}
