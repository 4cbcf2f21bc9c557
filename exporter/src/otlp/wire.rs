//! Protobuf's wire format, as far as OTLP needs it.
//!
//! Field numbers and types are those of opentelemetry-proto 1.x (`common.proto`, `resource.proto`, `logs.proto`), whose stability
//! guarantee covers them. A message whose length is known only afterwards gets room for a length of fixed width, filled in
//! later: a varint with leading zero groups, which every decoder takes.

/// Bytes of a length that is filled in later: lengths below 2^28.
const LENGTH: usize = 4;

/// The tag of a length-delimited field.
pub(super) const fn delimited(field: u8) -> u8 {
    tag(field, 2)
}

/// The tag of a 64-bit field.
pub(super) const fn fixed64(field: u8) -> u8 {
    tag(field, 1)
}

/// The tag of a varint field.
pub(super) const fn varint(field: u8) -> u8 {
    tag(field, 0)
}

const fn tag(field: u8, wire_type: u8) -> u8 {
    assert!(field < 16, "larger field numbers take two bytes");
    field << 3 | wire_type
}

// Fields of `AnyValue`, `ArrayValue` and `KeyValue`.
const STRING_VALUE: u8 = delimited(1);
const BOOL_VALUE: u8 = varint(2);
const INT_VALUE: u8 = varint(3);
const DOUBLE_VALUE: u8 = fixed64(4);
const ARRAY_VALUE: u8 = delimited(5);
const ARRAY_ELEMENT: u8 = delimited(1);
const KEY: u8 = delimited(1);
const VALUE: u8 = delimited(2);

pub(super) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push((value & 0x7f) as u8);
}

/// Bytes that a varint takes.
pub(super) fn varint_len(value: u64) -> usize {
    (value | 1).ilog2() as usize / 7 + 1
}

pub(super) fn put_fixed64(out: &mut Vec<u8>, tag: u8, value: u64) {
    out.push(tag);
    out.extend_from_slice(&value.to_le_bytes());
}

pub(super) fn put_bytes(out: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    out.push(tag);
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Begins a message; [`end`] fills its length in.
pub(super) fn begin(out: &mut Vec<u8>, tag: u8) -> usize {
    out.push(tag);
    out.extend_from_slice(&[0; LENGTH]);
    out.len()
}

/// Ends the message that began at `start`, as of [`begin`].
pub(super) fn end(out: &mut [u8], start: usize) {
    let mut length = out.len() - start;
    let (last, groups) = out[start - LENGTH..start].split_last_mut().expect("the width is not 0");
    for group in groups {
        *group = (length & 0x7f) as u8 | 0x80;
        length >>= 7;
    }
    debug_assert!(length < 0x80, "a message below 2^28 bytes");
    *last = (length & 0x7f) as u8;
}

/// `KeyValue` with a string.
pub(super) fn put_text(out: &mut Vec<u8>, tag: u8, key: &str, value: &str) {
    put_key(out, tag, key, string_len(value));
    put_bytes(out, STRING_VALUE, value.as_bytes());
}

/// `KeyValue` with an integer. Protobuf writes a negative `int64` as the 64 bits of its two's complement.
pub(super) fn put_int(out: &mut Vec<u8>, tag: u8, key: &str, value: i64) {
    put_key(out, tag, key, 1 + varint_len(value.cast_unsigned()));
    out.push(INT_VALUE);
    put_varint(out, value.cast_unsigned());
}

/// `KeyValue` with a floating point number.
pub(super) fn put_double(out: &mut Vec<u8>, tag: u8, key: &str, value: f64) {
    put_key(out, tag, key, 9);
    put_fixed64(out, DOUBLE_VALUE, value.to_bits());
}

/// `KeyValue` with an array of strings.
pub(super) fn put_texts<'a>(
    out: &mut Vec<u8>,
    tag: u8,
    key: &str,
    values: impl Iterator<Item = &'a str> + Clone,
) {
    let array_len = values.clone().map(|value| delimited_len(string_len(value))).sum();
    put_key(out, tag, key, delimited_len(array_len));
    out.push(ARRAY_VALUE);
    put_varint(out, array_len as u64);
    for value in values {
        out.push(ARRAY_ELEMENT);
        put_varint(out, string_len(value) as u64);
        put_bytes(out, STRING_VALUE, value.as_bytes());
    }
}

/// `KeyValue` with a truth value.
pub(super) fn put_bool(out: &mut Vec<u8>, tag: u8, key: &str, value: bool) {
    put_key(out, tag, key, 2);
    out.extend_from_slice(&[BOOL_VALUE, value.into()]);
}

/// A `KeyValue` up to its `AnyValue`, of which the caller writes `value_len` bytes.
fn put_key(out: &mut Vec<u8>, tag: u8, key: &str, value_len: usize) {
    out.push(tag);
    put_varint(out, (delimited_len(key.len()) + delimited_len(value_len)) as u64);
    put_bytes(out, KEY, key.as_bytes());
    out.push(VALUE);
    put_varint(out, value_len as u64);
}

/// An `AnyValue` with a string.
fn string_len(value: &str) -> usize {
    delimited_len(value.len())
}

/// A field of `len` bytes with its tag and length.
fn delimited_len(len: usize) -> usize {
    1 + varint_len(len as u64) + len
}
