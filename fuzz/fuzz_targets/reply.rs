//! Any bytes, taken for a receiver's reply.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    // An error is an answer; what counts is that there is one.
    let _ = exporter::export::decode_response(input);
});
