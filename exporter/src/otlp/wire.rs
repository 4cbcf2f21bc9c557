//! Protobuf's wire format, as far as OTLP needs it.
//!
//! Field numbers and types are those of opentelemetry-proto 1.x (`common.proto`, `resource.proto`, `logs.proto`), whose stability
//! guarantee covers them. A message whose length is known only afterwards gets room for a length of fixed width, filled in
//! later: a varint with leading zero groups, which every decoder takes.
#![expect(
    clippy::inline_always,
    reason = "with a constant key its copy has a fixed size: 10 % of a record's cost"
)]

/// Bytes of a length that is filled in later: lengths below 2^28.
const LENGTH: usize = 4;
/// Bytes of the longest varint.
const VARINT: usize = 10;
/// Bytes of a register.
const WORD: usize = 8;

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

pub(super) fn put_varint(out: &mut Vec<u8>, value: u64) {
    if value < 0x80 {
        return out.push((value & 0x7f) as u8);
    }
    let (bytes, len) = varint_bytes(value);
    push_varint(out, &bytes, len);
}

/// A copy of fixed size and a shorter end cost less than a check of the capacity for each byte.
#[inline(always)]
fn push_varint(out: &mut Vec<u8>, bytes: &[u8; VARINT], len: usize) {
    let end = out.len() + len;
    out.extend_from_slice(bytes);
    out.truncate(end);
}

/// A varint and its length.
#[inline(always)]
fn varint_bytes(value: u64) -> ([u8; VARINT], usize) {
    let len = varint_len(value);
    let mut bytes = [0; VARINT];
    if len <= WORD {
        // In a register: byte by byte it would be written to the stack and read from there before it has arrived.
        let more = 0x8080_8080_8080_8080 & ((1 << (8 * (len - 1))) - 1);
        bytes[..WORD].copy_from_slice(&(groups(value) | more).to_le_bytes());
    } else {
        for (at, byte) in bytes.iter_mut().take(len).enumerate() {
            *byte = (value >> (7 * at) & 0x7f) as u8 | if at + 1 < len { 0x80 } else { 0 };
        }
    }
    (bytes, len)
}

/// The eight lowest groups of 7 bits, each in a byte of its own: pairs of groups are moved apart, of 28 bits, of 14, of 7.
#[inline(always)]
fn groups(value: u64) -> u64 {
    let value = value & 0x0fff_ffff | (value & 0xff_ffff_f000_0000) << 4;
    let value = value & 0x3fff_0000_3fff | (value & 0x0fff_c000_0fff_c000) << 2;
    value & 0x007f_007f_007f_007f | (value & 0x3f80_3f80_3f80_3f80) << 1
}

/// The lowest 7 bits: all of a length that takes one byte.
#[inline(always)]
const fn low_bits(length: usize) -> u8 {
    (length as u64 & 0x7f) as u8
}

/// Bytes that a varint takes.
pub(super) const fn varint_len(value: u64) -> usize {
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
        *group = low_bits(length) | 0x80;
        length >>= 7;
    }
    debug_assert!(length < 0x80, "a message below 2^28 bytes");
    *last = low_bits(length);
}

/// `KeyValue` with a string, in UTF-8.
#[inline(always)]
pub(super) fn put_text(out: &mut Vec<u8>, tag: u8, key: &str, value: &[u8]) {
    let value_len = delimited_len(value.len());
    put_key(out, tag, key, value_len);
    put_string(out, value);
}

/// `KeyValue` with an integer. Protobuf writes a negative `int64` as the 64 bits of its two's complement.
#[inline(always)]
pub(super) fn put_int(out: &mut Vec<u8>, tag: u8, key: &str, value: i64) {
    if let Ok(small @ ..0x80) = u8::try_from(value) {
        put_key(out, tag, key, 2);
        out.extend_from_slice(&[INT_VALUE, small]);
    } else {
        put_large_int(out, tag, key, value);
    }
}

/// One that takes more than a byte.
fn put_large_int(out: &mut Vec<u8>, tag: u8, key: &str, value: i64) {
    let (bytes, len) = varint_bytes(value.cast_unsigned());
    put_key(out, tag, key, 1 + len);
    out.push(INT_VALUE);
    push_varint(out, &bytes, len);
}

/// `KeyValue` with a floating point number.
pub(super) fn put_double(out: &mut Vec<u8>, tag: u8, key: &str, value: f64) {
    put_key(out, tag, key, 9);
    put_fixed64(out, DOUBLE_VALUE, value.to_bits());
}

/// `KeyValue` with an array of strings.
#[inline(always)]
pub(super) fn put_texts<'a>(
    out: &mut Vec<u8>,
    tag: u8,
    key: &str,
    values: impl Iterator<Item = &'a str> + Clone,
) {
    let array_len = values.clone().map(|value| delimited_len(string_len(value))).sum();
    put_array(out, tag, key, array_len);
    for value in values {
        let len = string_len(value);
        if len < 0x80 {
            out.extend_from_slice(&[ARRAY_ELEMENT, low_bits(len), STRING_VALUE, low_bits(value.len())]);
            out.extend_from_slice(value.as_bytes());
        } else {
            out.push(ARRAY_ELEMENT);
            put_varint(out, len as u64);
            put_string(out, value.as_bytes());
        }
    }
}

/// `KeyValue` with an array of integers.
#[inline(always)]
pub(super) fn put_ints(out: &mut Vec<u8>, tag: u8, key: &str, values: impl Iterator<Item = i64> + Clone) {
    let array_len = values.clone().map(|value| delimited_len(int_len(value))).sum();
    put_array(out, tag, key, array_len);
    for value in values {
        let (bytes, len) = varint_bytes(value.cast_unsigned());
        out.extend_from_slice(&[ARRAY_ELEMENT, low_bits(1 + len), INT_VALUE]);
        push_varint(out, &bytes, len);
    }
}

/// `KeyValue` with an array of floating point numbers.
#[inline(always)]
pub(super) fn put_doubles(out: &mut Vec<u8>, tag: u8, key: &str, values: impl Iterator<Item = f64> + Clone) {
    /// Of an `AnyValue`, and of the element that it is.
    const LEN: usize = 9;
    const ELEMENT: usize = delimited_len(LEN);
    put_array(out, tag, key, values.clone().count() * ELEMENT);
    for value in values {
        let mut element = [0; ELEMENT];
        element[..3].copy_from_slice(&[ARRAY_ELEMENT, low_bits(LEN), DOUBLE_VALUE]);
        element[3..].copy_from_slice(&value.to_bits().to_le_bytes());
        out.extend_from_slice(&element);
    }
}

/// Of an `AnyValue` with an integer.
fn int_len(value: i64) -> usize {
    1 + varint_len(value.cast_unsigned())
}

/// A `KeyValue` up to the elements of its array, of which the caller writes `len` bytes.
#[inline(always)]
fn put_array(out: &mut Vec<u8>, tag: u8, key: &str, len: usize) {
    put_key(out, tag, key, delimited_len(len));
    out.push(ARRAY_VALUE);
    put_varint(out, len as u64);
}

/// `KeyValue` with a truth value.
pub(super) fn put_bool(out: &mut Vec<u8>, tag: u8, key: &str, value: bool) {
    put_key(out, tag, key, 2);
    out.extend_from_slice(&[BOOL_VALUE, value.into()]);
}

/// A `KeyValue` up to its `AnyValue`, of which the caller writes `value_len` bytes.
#[inline(always)]
fn put_key(out: &mut Vec<u8>, tag: u8, key: &str, value_len: usize) {
    let len = delimited_len(key.len()) + delimited_len(value_len);
    if len < 0x80 {
        // Nearly always: every length takes one byte, and what surrounds the key is written in two pieces of fixed size.
        out.extend_from_slice(&[tag, low_bits(len), KEY, low_bits(key.len())]);
        out.extend_from_slice(key.as_bytes());
        out.extend_from_slice(&[VALUE, low_bits(value_len)]);
    } else {
        out.push(tag);
        put_varint(out, len as u64);
        put_bytes(out, KEY, key.as_bytes());
        out.push(VALUE);
        put_varint(out, value_len as u64);
    }
}

/// An `AnyValue` with a string.
#[inline(always)]
fn put_string(out: &mut Vec<u8>, value: &[u8]) {
    if value.len() < 0x80 {
        out.extend_from_slice(&[STRING_VALUE, low_bits(value.len())]);
        out.extend_from_slice(value);
    } else {
        put_bytes(out, STRING_VALUE, value);
    }
}

/// Bytes of an `AnyValue` with a string.
fn string_len(value: &str) -> usize {
    delimited_len(value.len())
}

/// A field of `len` bytes with its tag and length.
const fn delimited_len(len: usize) -> usize {
    1 + varint_len(len as u64) + len
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::common::v1::any_value::Value;
    use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue};
    use opentelemetry_proto::tonic::resource::v1::Resource;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use prost::Message;

    use super::*;

    const ATTRIBUTES: u8 = delimited(1);

    fn any_value(value: Value) -> AnyValue {
        AnyValue { value: Some(value) }
    }

    /// Lengths around those where a length takes one byte more.
    fn any_text() -> impl Strategy<Value = String> {
        let long = prop_oneof![100_usize..140, 16_360_usize..16_390];
        prop_oneof![".{0,8}", long.prop_map(|len| "a".repeat(len))]
    }

    proptest! {
        #[test]
        fn attributes_of_all_types_and_lengths_are_decoded(
            key in any_text(), text in any_text(), int: i64, number: f64, truth: bool, texts in vec(any_text(), 0..4),
        ) {
            let mut out = Vec::new();
            put_text(&mut out, ATTRIBUTES, &key, text.as_bytes());
            put_int(&mut out, ATTRIBUTES, &key, int);
            put_double(&mut out, ATTRIBUTES, &key, number);
            put_bool(&mut out, ATTRIBUTES, &key, truth);
            put_texts(&mut out, ATTRIBUTES, &key, texts.iter().map(String::as_str));
            let values = texts.into_iter().map(|text| any_value(Value::StringValue(text))).collect();
            let expected: Vec<KeyValue> = [
                Value::StringValue(text),
                Value::IntValue(int),
                Value::DoubleValue(number),
                Value::BoolValue(truth),
                Value::ArrayValue(ArrayValue { values }),
            ]
            .into_iter()
            .map(|value| KeyValue { key: key.clone(), value: Some(any_value(value)), ..KeyValue::default() })
            .collect();
            prop_assert_eq!(Resource::decode(&*out).unwrap().attributes, expected);
        }

        #[test]
        fn a_varint_is_as_long_as_it_says_and_is_decoded(value: u64, shift in 0_u32..64) {
            let value = value >> shift;
            let mut out = Vec::new();
            put_varint(&mut out, value);
            prop_assert_eq!(out.len(), varint_len(value));
            prop_assert_eq!(prost::encoding::decode_varint(&mut &*out).unwrap(), value);
        }
    }
}
