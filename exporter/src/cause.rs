//! Why something failed, in one line.

use std::error::Error;

/// An error and the deepest reason that there is for it: "client error (Connect)" or "failed to create map" alone
/// help nobody.
pub(crate) fn cause(error: &(dyn Error + 'static)) -> String {
    let mut deepest = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    let (outer, inner) = (error.to_string(), deepest.to_string());
    if outer.contains(&inner) { outer } else { format!("{outer}: {inner}") }
}

#[cfg(test)]
mod tests {
    use std::io::{self, ErrorKind};

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("no map")]
    struct Outer(#[source] io::Error);

    #[test]
    fn the_deepest_reason_is_told_once() {
        assert_eq!(cause(&Outer(ErrorKind::OutOfMemory.into())), "no map: out of memory");
        assert_eq!(cause(&Outer(io::Error::other("map"))), "no map");
    }
}
