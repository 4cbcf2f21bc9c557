//! First bytes of a connection or a datagram, as a stranger may send them.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| exporter::check::payload(input));
