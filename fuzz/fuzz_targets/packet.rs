//! Any bytes, taken for a packet.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| packet::check::input(input));
