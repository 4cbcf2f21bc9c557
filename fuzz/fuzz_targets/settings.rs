//! Any text, taken for the environment, for the rules of a filter, and for the pattern of an interface's name.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| exporter::check::settings(input));
