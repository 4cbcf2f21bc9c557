//! Any bytes, taken for a capture file.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| exporter::check::capture(input));
