//! Any bytes, taken for a receiver's reply, over gRPC and HTTP.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| exporter::check::reply(input));
