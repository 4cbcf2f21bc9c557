//! A receiver's words about a failure: a `google.rpc.Status`, in the details of a gRPC status and in the body of an HTTP error.

use std::time::Duration;

use crate::export::protobuf::{ProtobufError, Reader};

/// What a receiver says about a failure.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Words {
    /// Its sentence.
    pub(super) message: String,
    /// How long it wants to be left alone (`google.rpc.RetryInfo`).
    pub(super) retry_after: Option<Duration>,
}

impl Words {
    /// Reads `Status { string message = 2; repeated Any details = 3 }`.
    ///
    /// # Errors
    /// [`ProtobufError`] if the bytes are no such message.
    pub(super) fn read(status: &[u8]) -> Result<Self, ProtobufError> {
        const MESSAGE: u64 = 2;
        const DETAILS: u64 = 3;

        let mut words = Self::default();
        let mut reader = Reader(status);
        while let Some((number, value)) = reader.field()? {
            match number {
                MESSAGE => {
                    let message = str::from_utf8(value.bytes(number)?).map_err(|_| ProtobufError::Utf8)?;
                    message.clone_into(&mut words.message);
                }
                DETAILS => words.retry_after = retry_info(value.bytes(number)?)?.or(words.retry_after),
                _ => {}
            }
        }
        Ok(words)
    }
}

/// Reads `Any { string type_url = 1; bytes value = 2 }` if it is a `RetryInfo { Duration retry_delay = 1 }`.
fn retry_info(any: &[u8]) -> Result<Option<Duration>, ProtobufError> {
    let (mut of_this_type, mut content) = (false, &[][..]);
    let mut reader = Reader(any);
    while let Some((number, value)) = reader.field()? {
        match number {
            1 => of_this_type = value.bytes(number)?.ends_with(b"/google.rpc.RetryInfo"),
            2 => content = value.bytes(number)?,
            _ => {}
        }
    }
    if !of_this_type {
        return Ok(None);
    }
    let mut delay = Duration::ZERO;
    let mut reader = Reader(content);
    while let Some((number, value)) = reader.field()? {
        if number == 1 {
            delay = duration(value.bytes(number)?)?;
        }
    }
    Ok(Some(delay))
}

/// Reads `Duration { int64 seconds = 1; int32 nanos = 2 }`; a negative one is none.
fn duration(bytes: &[u8]) -> Result<Duration, ProtobufError> {
    let (mut seconds, mut nanoseconds) = (0, 0);
    let mut reader = Reader(bytes);
    while let Some((number, value)) = reader.field()? {
        match number {
            1 => seconds = value.number(number)?.cast_signed(),
            2 => nanoseconds = value.number(number)?.cast_signed(),
            _ => {}
        }
    }
    let seconds = Duration::from_secs(seconds.try_into().unwrap_or(0));
    Ok(seconds.saturating_add(Duration::from_nanos(nanoseconds.try_into().unwrap_or(0))))
}

#[cfg(test)]
pub(super) mod tests {
    use prost::Message;

    use super::*;

    #[derive(Clone, PartialEq, Message)]
    struct Status {
        #[prost(int32, tag = "1")]
        code: i32,
        #[prost(string, tag = "2")]
        message: String,
        #[prost(message, repeated, tag = "3")]
        details: Vec<Any>,
    }

    #[derive(Clone, PartialEq, Message)]
    struct Any {
        #[prost(string, tag = "1")]
        type_url: String,
        #[prost(bytes, tag = "2")]
        value: Vec<u8>,
    }

    #[derive(Clone, PartialEq, Message)]
    struct RetryInfo {
        #[prost(message, tag = "1")]
        retry_delay: Option<Delay>,
    }

    #[derive(Clone, PartialEq, Message)]
    struct Delay {
        #[prost(int64, tag = "1")]
        seconds: i64,
        #[prost(int32, tag = "2")]
        nanos: i32,
    }

    /// A status with a detail of another type and, if there is a delay, a RetryInfo.
    pub(in crate::export) fn status(code: i32, message: &str, delay: Option<(i64, i32)>) -> Vec<u8> {
        let any =
            |name: &str, value| Any { type_url: format!("type.googleapis.com/google.rpc.{name}"), value };
        let mut details = vec![any("DebugInfo", vec![0xff])];
        details.extend(delay.map(|(seconds, nanos)| {
            any("RetryInfo", RetryInfo { retry_delay: Some(Delay { seconds, nanos }) }.encode_to_vec())
        }));
        Status { code, message: message.to_owned(), details }.encode_to_vec()
    }

    #[test]
    fn words_have_a_sentence_and_a_delay() {
        for (delay, after) in [
            (None, None),
            (Some((3, 500_000_000)), Some(Duration::from_millis(3500))),
            (Some((0, 0)), Some(Duration::ZERO)),
            (Some((-1, -1)), Some(Duration::ZERO)),
        ] {
            let words = Words::read(&status(8, "busy", delay)).unwrap();
            assert_eq!(words, Words { message: "busy".to_owned(), retry_after: after });
        }
    }

    #[test]
    fn other_bytes_are_an_error() {
        assert_eq!(Words::read(b"<html>"), Err(ProtobufError::Tag(0x3c)));
        assert_eq!(Words::read(&[0x12, 1, 0xff]), Err(ProtobufError::Utf8));
    }
}
