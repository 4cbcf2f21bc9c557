//! Any bytes, taken for what the kernel says of interfaces, sockets and connections.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| exporter::check::messages(input));
