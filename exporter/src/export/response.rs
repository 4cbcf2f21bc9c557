//! The receiver's reply, read by hand: two fields are not worth generated code, and the bytes are foreign.
//!
//! `ExportLogsServiceResponse { ExportLogsPartialSuccess partial_success = 1 }` with `ExportLogsPartialSuccess { int64
//! rejected_log_records = 1; string error_message = 2 }`; the replies of the other signals have the same numbers
//! (opentelemetry-proto 1.x). Encoding: <https://protobuf.dev/programming-guides/encoding/>.

/// What the receiver did not take of a request that it accepted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartialSuccess {
    /// Records it rejected, as it says: not bounded by what was sent, not even to positive numbers.
    pub rejected: i64,
    /// Its words: why it rejected them, or a warning if it rejected none.
    pub message: String,
}

/// Why a reply cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResponseError {
    /// A field goes on behind the end.
    #[error("the reply ends inside a field")]
    Truncated,
    /// A number of more than 64 bits.
    #[error("the reply has a number of more than 64 bits")]
    Overlong,
    /// A field number outside 1 to 2^29 - 1, or a wire type that protobuf does not have or no longer allows.
    #[error("the reply has a field with the invalid tag {0}")]
    Tag(u64),
    /// A known field of another type.
    #[error("the reply's field {0} has the wrong type")]
    Type(u64),
    /// The message is not UTF-8.
    #[error("the reply's message is not UTF-8")]
    Utf8,
}

/// Reads an `ExportLogsServiceResponse`, or that of another signal. Unknown fields are skipped; an empty reply is a success.
///
/// # Errors
/// [`ResponseError`] if the bytes are no protobuf of this type. It never panics and allocates only the message.
pub fn decode_response(reply: &[u8]) -> Result<PartialSuccess, ResponseError> {
    const PARTIAL_SUCCESS: u64 = 1;

    let mut result = PartialSuccess::default();
    let mut reader = Reader(reply);
    while let Some((number, value)) = reader.field()? {
        if number == PARTIAL_SUCCESS {
            // Protobuf merges a message field that comes twice.
            read_partial_success(value.bytes(number)?, &mut result)?;
        }
    }
    Ok(result)
}

fn read_partial_success(bytes: &[u8], result: &mut PartialSuccess) -> Result<(), ResponseError> {
    const REJECTED: u64 = 1;
    const MESSAGE: u64 = 2;

    let mut reader = Reader(bytes);
    while let Some((number, value)) = reader.field()? {
        match number {
            REJECTED => result.rejected = value.number(number)?.cast_signed(),
            MESSAGE => {
                let message = str::from_utf8(value.bytes(number)?).map_err(|_| ResponseError::Utf8)?;
                message.clone_into(&mut result.message);
            }
            _ => {}
        }
    }
    Ok(())
}

#[derive(Clone, Copy)]
enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    Fixed,
}

impl<'a> Value<'a> {
    fn number(self, field: u64) -> Result<u64, ResponseError> {
        if let Self::Number(number) = self { Ok(number) } else { Err(ResponseError::Type(field)) }
    }

    fn bytes(self, field: u64) -> Result<&'a [u8], ResponseError> {
        if let Self::Bytes(bytes) = self { Ok(bytes) } else { Err(ResponseError::Type(field)) }
    }
}

/// What is left of a message.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// The next field's number and value, `None` at the end.
    fn field(&mut self) -> Result<Option<(u64, Value<'a>)>, ResponseError> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let tag = self.varint()?;
        let number = tag >> 3;
        if !(1..1 << 29).contains(&number) {
            return Err(ResponseError::Tag(tag));
        }
        let value = match tag & 7 {
            0 => Value::Number(self.varint()?),
            1 => self.fixed(8)?,
            2 => {
                let length = usize::try_from(self.varint()?).map_err(|_| ResponseError::Truncated)?;
                Value::Bytes(self.take(length)?)
            }
            5 => self.fixed(4)?,
            // Groups (3 and 4) are gone from proto3; 6 and 7 never were.
            _ => return Err(ResponseError::Tag(tag)),
        };
        Ok(Some((number, value)))
    }

    fn varint(&mut self) -> Result<u64, ResponseError> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return Err(ResponseError::Overlong);
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(ResponseError::Overlong)
    }

    fn fixed(&mut self, length: usize) -> Result<Value<'a>, ResponseError> {
        self.take(length).map(|_| Value::Fixed)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], ResponseError> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(ResponseError::Truncated)?;
        self.0 = rest;
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::collector::logs::v1::{
        ExportLogsPartialSuccess, ExportLogsServiceResponse,
    };
    use proptest::prelude::*;
    use prost::Message;

    use super::*;

    #[test]
    fn an_empty_reply_is_a_success() {
        assert_eq!(decode_response(&[]), Ok(PartialSuccess::default()));
        assert_eq!(decode_response(&[0x0a, 0]), Ok(PartialSuccess::default()));
    }

    #[test]
    fn unknown_fields_are_skipped() {
        // 2: varint, 3: 64 bits, 4: bytes, 5: 32 bits, then partial_success with rejected = 3.
        let reply = [
            &[0x10, 0x96, 1][..],
            &[0x19, 1, 2, 3, 4, 5, 6, 7, 8],
            &[0x22, 2, 1, 2],
            &[0x2d, 1, 2, 3, 4],
            &[0x0a, 2, 0x08, 3],
        ]
        .concat();
        assert_eq!(decode_response(&reply), Ok(PartialSuccess { rejected: 3, message: String::new() }));
    }

    #[test]
    fn broken_replies_are_told_apart() {
        for (reply, error) in [
            (&[0x0a][..], ResponseError::Truncated),
            (&[0x0a, 5, 0x08], ResponseError::Truncated),
            (&[0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1], ResponseError::Truncated),
            (&[0x10, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2], ResponseError::Overlong),
            (&[0x10, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x81], ResponseError::Overlong),
            (&[0x00, 0], ResponseError::Tag(0)),
            (&[0x0b], ResponseError::Tag(0x0b)),
            (&[0x08, 1], ResponseError::Type(1)),
            (&[0x0a, 2, 0x10, 1], ResponseError::Type(2)),
            (&[0x0a, 3, 0x12, 1, 0xff], ResponseError::Utf8),
        ] {
            assert_eq!(decode_response(reply), Err(error), "{reply:x?}");
        }
    }

    proptest! {
        #[test]
        fn replies_read_as_they_were_written(rejected: i64, message in ".*") {
            let reply = ExportLogsServiceResponse {
                partial_success: Some(ExportLogsPartialSuccess {
                    rejected_log_records: rejected,
                    error_message: message.clone(),
                }),
            };
            prop_assert_eq!(decode_response(&reply.encode_to_vec()), Ok(PartialSuccess { rejected, message }));
        }

        #[test]
        fn what_is_read_from_random_bytes_is_what_prost_reads(
            reply in proptest::collection::vec(prop_oneof![any::<u8>(), 0_u8..24], 0..64)
        ) {
            if let Ok(read) = decode_response(&reply)
                && let Ok(other) = ExportLogsServiceResponse::decode(reply.as_slice())
            {
                let other = other.partial_success.unwrap_or_default();
                prop_assert_eq!(read.rejected, other.rejected_log_records);
                prop_assert_eq!(read.message, other.error_message);
            }
        }
    }
}
