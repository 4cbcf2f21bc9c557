//! First bytes of a connection, as a stranger may send them.
#![no_main]

use exporter::payload::read;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&[u8], usize)| {
    let (bytes, len) = input;
    let _ = read(bytes, len);
});
