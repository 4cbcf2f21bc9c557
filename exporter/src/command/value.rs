//! Values of options, parsed once.

use std::net::{AddrParseError, SocketAddr};
use std::time::Duration;

use bytesize::ByteSize;

use crate::aggregate::{Dimension, UnknownDimension};
use crate::kernel::{Glob, GlobError, InstanceError, InstanceLock};

/// `500ms`, `10s`, `2m`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let duration = humantime::parse_duration(text).map_err(|error| {
        format!("{error}; a duration is a number with its unit, such as 500ms, 10s or 2m")
    })?;
    if duration < Duration::from_millis(10) {
        return Err("the shortest time that can be kept is 10ms".to_owned());
    }
    Ok(duration)
}

/// `268435456`, `256MiB`, `1GiB`.
pub(super) fn bytes(text: &str) -> Result<u64, String> {
    let size: ByteSize = text.parse().map_err(|error| {
        format!("{error}; a size is a number of bytes, or a number with its unit, such as 256MiB or 1GiB")
    })?;
    Ok(size.as_u64())
}

/// `127.0.0.1:9464`, `[::]:9464`.
pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|error: AddrParseError| {
        format!("{error}; write a numeric address and a port, such as 127.0.0.1:9464 or [::]:9464")
    })
}

/// A pattern of names of interfaces, without the spaces around it.
pub(super) fn pattern(text: &str) -> Result<String, GlobError> {
    let text = text.trim();
    text.parse::<Glob>().map(|_| text.to_owned())
}

/// An entry of a list of dimensions.
pub(super) fn dimension(text: &str) -> Result<Dimension, UnknownDimension> {
    text.trim().parse()
}

/// A name for an agent.
pub(super) fn instance(text: &str) -> Result<String, InstanceError> {
    InstanceLock::check(text)?;
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        assert_eq!(duration("1500ms"), Ok(Duration::from_millis(1500)));
        assert_eq!(duration("2m"), Ok(Duration::from_mins(2)));
        assert!(duration("10").unwrap_err().contains("unit"));
        assert!(duration("0s").is_err());
    }

    #[test]
    fn sizes_are_binary_where_they_say_so() {
        assert_eq!(bytes("256MiB"), Ok(256 << 20));
        assert_eq!(bytes("1GiB"), Ok(1 << 30));
        assert_eq!(bytes("4096"), Ok(4096));
        assert!(bytes("much").unwrap_err().contains("256MiB"));
    }

    #[test]
    fn an_instance_name_is_short_and_plain() {
        assert_eq!(instance("node-2").unwrap(), "node-2");
        for wrong in ["", "UPPER", "a b", &"x".repeat(33)] {
            assert!(instance(wrong).is_err(), "{wrong:?}");
        }
    }
}
