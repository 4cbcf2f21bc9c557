//! First bytes of a connection or a datagram, as a stranger may send them.
#![no_main]

use exporter::payload::{read, read_datagram, read_dns, read_dns_stream, read_quoted};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&[u8], usize)| {
    let (bytes, len) = input;
    let _ = (read(bytes, len), read_dns(bytes), read_dns_stream(bytes, len), read_datagram(bytes, len));
    let _ = (read_quoted(bytes, 4), read_quoted(bytes, 6));
});
