//! All entries of a hash map by one call (`BPF_MAP_LOOKUP_AND_DELETE_BATCH`, Linux 5.6), where one by one each takes three. aya does not
//! offer it.

use std::io;
use std::os::fd::{AsFd, AsRawFd};

use aya::Pod;
use aya::maps::{HashMap, IterableMap, MapData};

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

/// Takes the entries of a map out of it, `most` at most. What others put in meanwhile may stay in the map.
///
/// # Errors
/// As of bpf(2). What was taken until then is lost: the kernel has no other reason than that it cannot write to this process.
pub(crate) fn take_all<K: Pod, V: Pod>(
    map: &mut HashMap<MapData, K, V>,
    most: u32,
) -> io::Result<impl Iterator<Item = (K, V)> + use<K, V>> {
    let (mut keys, mut values) =
        (Vec::<K>::with_capacity(most as usize), Vec::<V>::with_capacity(most as usize));
    // Where the next call would go on: a number of 4 bytes for hash maps.
    let mut next = 0_u64;
    let mut attributes = Attributes {
        in_batch: 0,
        out_batch: &raw mut next as u64,
        keys: keys.as_mut_ptr() as u64,
        values: values.as_mut_ptr() as u64,
        count: most,
        map_fd: IterableMap::map(map).fd().as_fd().as_raw_fd().unsigned_abs(),
        elem_flags: 0,
        flags: 0,
    };
    // SAFETY: keys and values are of the map's sizes, which aya has checked, and both vectors have room for `most`; the kernel writes no
    // more of them, and the place and the count.
    match unsafe { bpf(Command::MapLookupAndDeleteBatch, &mut attributes) } {
        // The end of the map.
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => {}
        other => drop(other?),
    }
    // SAFETY: a member of the structure. Volatile, because the compiler does not see who wrote it.
    let taken = unsafe { (&raw const attributes.count).read_volatile() }.min(most) as usize;
    // SAFETY: the kernel has written so many, for which there is room; any bytes are a value of a `Pod` type.
    unsafe {
        keys.set_len(taken);
        values.set_len(taken);
    }
    Ok(keys.into_iter().zip(values))
}
