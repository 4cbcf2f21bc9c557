//! The receiver's reply to a request that it took.
//!
//! `ExportLogsServiceResponse { ExportLogsPartialSuccess partial_success = 1 }` with `ExportLogsPartialSuccess { int64
//! rejected_log_records = 1; string error_message = 2 }`; the replies of the other signals have the same numbers
//! (opentelemetry-proto 1.x).

use crate::export::protobuf::{ProtobufError, Reader};

/// What the receiver did not take of a request that it accepted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartialSuccess {
    /// Records it rejected, as it says: not bounded by what was sent, not even to positive numbers.
    pub rejected: i64,
    /// Its words: why it rejected them, or a warning if it rejected none.
    pub message: String,
}

/// Reads an `ExportLogsServiceResponse`, or that of another signal. Unknown fields are skipped; an empty reply is a success.
///
/// # Errors
/// [`ProtobufError`] if the bytes are no protobuf of this type. It never panics and allocates only the message.
pub fn decode_response(reply: &[u8]) -> Result<PartialSuccess, ProtobufError> {
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

fn read_partial_success(bytes: &[u8], result: &mut PartialSuccess) -> Result<(), ProtobufError> {
    const REJECTED: u64 = 1;
    const MESSAGE: u64 = 2;

    let mut reader = Reader(bytes);
    while let Some((number, value)) = reader.field()? {
        match number {
            REJECTED => result.rejected = value.number(number)?.cast_signed(),
            MESSAGE => {
                let message = str::from_utf8(value.bytes(number)?).map_err(|_| ProtobufError::Utf8)?;
                message.clone_into(&mut result.message);
            }
            _ => {}
        }
    }
    Ok(())
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
            (&[0x0a][..], ProtobufError::Truncated),
            (&[0x0a, 5, 0x08], ProtobufError::Truncated),
            (&[0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1], ProtobufError::Truncated),
            (&[0x10, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2], ProtobufError::Overlong),
            (&[0x10, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x81], ProtobufError::Overlong),
            (&[0x00, 0], ProtobufError::Tag(0)),
            (&[0x0b], ProtobufError::Tag(0x0b)),
            (&[0x08, 1], ProtobufError::Type(1)),
            (&[0x0a, 2, 0x10, 1], ProtobufError::Type(2)),
            (&[0x0a, 3, 0x12, 1, 0xff], ProtobufError::Utf8),
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
