//! Protobuf, read by hand: a few fields are not worth generated code, and the bytes are foreign. It never panics and allocates
//! nothing. Encoding: <https://protobuf.dev/programming-guides/encoding/>.

/// Why a message cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProtobufError {
    /// A field goes on behind the end.
    #[error("the message ends inside a field")]
    Truncated,
    /// A number of more than 64 bits.
    #[error("the message has a number of more than 64 bits")]
    Overlong,
    /// A field number outside 1 to 2^29 - 1, or a wire type that protobuf does not have or no longer allows.
    #[error("the message has a field with the invalid tag {0}")]
    Tag(u64),
    /// A known field of another type.
    #[error("the message's field {0} has the wrong type")]
    Type(u64),
    /// A text that is not UTF-8.
    #[error("a text in the message is not UTF-8")]
    Utf8,
}

/// A field's content; what a fixed-size field has, nothing here reads.
#[derive(Clone, Copy)]
pub(super) enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    Fixed,
}

impl<'a> Value<'a> {
    pub(super) fn number(self, field: u64) -> Result<u64, ProtobufError> {
        if let Self::Number(number) = self { Ok(number) } else { Err(ProtobufError::Type(field)) }
    }

    pub(super) fn bytes(self, field: u64) -> Result<&'a [u8], ProtobufError> {
        if let Self::Bytes(bytes) = self { Ok(bytes) } else { Err(ProtobufError::Type(field)) }
    }
}

/// What is left of a message.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    /// The next field's number and value, `None` at the end.
    pub(super) fn field(&mut self) -> Result<Option<(u64, Value<'a>)>, ProtobufError> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let tag = self.varint()?;
        let number = tag >> 3;
        if !(1..1 << 29).contains(&number) {
            return Err(ProtobufError::Tag(tag));
        }
        let value = match tag & 7 {
            0 => Value::Number(self.varint()?),
            1 => self.fixed(8)?,
            2 => {
                let length = usize::try_from(self.varint()?).map_err(|_| ProtobufError::Truncated)?;
                Value::Bytes(self.take(length)?)
            }
            5 => self.fixed(4)?,
            // Groups (3 and 4) are gone from proto3; 6 and 7 never were.
            _ => return Err(ProtobufError::Tag(tag)),
        };
        Ok(Some((number, value)))
    }

    fn varint(&mut self) -> Result<u64, ProtobufError> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return Err(ProtobufError::Overlong);
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(ProtobufError::Overlong)
    }

    fn fixed(&mut self, length: usize) -> Result<Value<'a>, ProtobufError> {
        self.take(length).map(|_| Value::Fixed)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], ProtobufError> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(ProtobufError::Truncated)?;
        self.0 = rest;
        Ok(taken)
    }
}
