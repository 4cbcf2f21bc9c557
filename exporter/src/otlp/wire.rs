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
    put_length(out, tag, bytes.len());
    out.extend_from_slice(bytes);
}

/// A tag and the length of what the caller writes. Nearly every length takes one byte, and two bytes at once are cheaper than
/// one after the other.
fn put_length(out: &mut Vec<u8>, tag: u8, len: usize) {
    match u8::try_from(len) {
        Ok(short @ ..0x80) => out.extend_from_slice(&[tag, short]),
        _ => {
            out.push(tag);
            put_varint(out, len as u64);
        }
    }
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
    put_length(out, ARRAY_VALUE, array_len);
    for value in values {
        put_length(out, ARRAY_ELEMENT, string_len(value));
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
    let len = delimited_len(key.len()) + delimited_len(value_len);
    match (u8::try_from(len), u8::try_from(key.len())) {
        (Ok(len @ ..0x80), Ok(key_len)) => out.extend_from_slice(&[tag, len, KEY, key_len]),
        _ => {
            put_length(out, tag, len);
            put_length(out, KEY, key.len());
        }
    }
    out.extend_from_slice(key.as_bytes());
    put_length(out, VALUE, value_len);
}

/// An `AnyValue` with a string.
fn string_len(value: &str) -> usize {
    delimited_len(value.len())
}

/// A field of `len` bytes with its tag and length.
fn delimited_len(len: usize) -> usize {
    1 + varint_len(len as u64) + len
}
