//! Any bytes, taken for the kernel's description of its types.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| exporter::check::types(input));
