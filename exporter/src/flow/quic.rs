//! A QUIC connection by the long headers of its first packets (RFC 8999, RFC 9000).

use smallvec::SmallVec;

/// What a packet's long header says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuicHeader {
    /// The packet's version, or what it has in its place.
    pub version: QuicVersion,
    /// Connection ID of the one who is to receive it.
    pub destination: ConnectionId,
    /// Connection ID of the sender.
    pub source: ConnectionId,
    /// It has the bit that tells QUIC from other protocols. A packet without it is one of a connection that is known (RFC 9287).
    pub is_fixed: bool,
}

/// A connection ID. Versions that are known have at most 20 bytes.
pub type ConnectionId = SmallVec<[u8; 20]>;

/// The version field of a long header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuicVersion {
    /// RFC 9000.
    V1,
    /// RFC 9369.
    V2,
    /// A draft of RFC 9000.
    Draft(u8),
    /// One that is there to be refused (RFC 9000 section 15).
    Reserved,
    /// The server speaks none of the client's versions, and names its own (RFC 9000 section 17.2.1).
    Negotiation,
}

/// What is known of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Quic {
    /// By which an answer to the first packet is known (RFC 9000 section 7.2).
    source: ConnectionId,
    /// The server has named its versions, so the client's next one is among them.
    negotiated: bool,
    /// The version that both sides speak.
    version: Option<Box<str>>,
}

impl Quic {
    /// As the first packet that was seen says it.
    pub(super) fn new(header: QuicHeader) -> Self {
        let negotiated = header.version == QuicVersion::Negotiation;
        Self { source: header.source, negotiated, version: None }
    }

    /// Takes a further packet. A client's version is an offer, which the server need not take (RFC 9368).
    pub(super) fn learn(&mut self, header: &QuicHeader) {
        if header.version == QuicVersion::Negotiation {
            self.negotiated = true;
        } else if self.version.is_none() && (self.negotiated || header.destination == self.source) {
            self.version = header.version.name();
        }
    }

    /// The version that both sides speak.
    pub(super) fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }
}

impl QuicVersion {
    /// From the field; `None` if it is none that is known.
    #[must_use]
    pub fn of(field: u32) -> Option<Self> {
        match field.to_be_bytes() {
            [0, 0, 0, 0] => Some(Self::Negotiation),
            [0, 0, 0, 1] => Some(Self::V1),
            [0x6b, 0x33, 0x43, 0xcf] => Some(Self::V2),
            [0xff, 0, 0, draft] => Some(Self::Draft(draft)),
            bytes => bytes.iter().all(|byte| byte & 0xf == 0xa).then_some(Self::Reserved),
        }
    }

    fn name(self) -> Option<Box<str>> {
        match self {
            Self::V1 => Some("1".into()),
            Self::V2 => Some("2".into()),
            Self::Draft(number) => Some(format!("draft-{number}").into()),
            Self::Reserved | Self::Negotiation => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(version: QuicVersion, destination: &[u8], source: &[u8]) -> QuicHeader {
        QuicHeader { version, destination: destination.into(), source: source.into(), is_fixed: true }
    }

    fn known(headers: &[QuicHeader]) -> Option<String> {
        let (first, others) = headers.split_first().unwrap();
        let mut quic = Quic::new(first.clone());
        for header in others {
            quic.learn(header);
        }
        quic.version().map(ToOwned::to_owned)
    }

    #[test]
    fn the_version_is_that_of_the_answer() {
        use QuicVersion::{Draft, V1, V2};
        let asks = header(V1, b"chosen at random", b"client");
        assert_eq!(known(std::slice::from_ref(&asks)), None, "not answered");
        assert_eq!(known(&[asks.clone(), asks.clone()]), None, "the same packet elsewhere");
        for (version, name) in [(V1, "1"), (V2, "2"), (Draft(29), "draft-29")] {
            let answers = header(version, b"client", b"server");
            assert_eq!(known(&[asks.clone(), answers.clone()]).as_deref(), Some(name));
            let later = header(V1, b"server", b"client");
            assert_eq!(known(&[asks.clone(), answers, later]).as_deref(), Some(name), "it stays");
        }
        let nameless = [header(V1, b"chosen at random", b""), header(V2, b"", b"server")];
        assert_eq!(known(&nameless).as_deref(), Some("2"), "a client without an ID");
    }

    #[test]
    fn a_version_that_is_refused_is_not_the_connections() {
        use QuicVersion::{Negotiation, Reserved, V2};
        let asks = header(Reserved, b"chosen at random", b"client");
        let refused = header(Negotiation, b"client", b"chosen at random");
        assert_eq!(known(&[asks.clone(), refused.clone()]), None);
        let again = header(V2, b"another", b"client again");
        assert_eq!(known(&[asks, refused.clone(), again.clone()]).as_deref(), Some("2"));
        assert_eq!(known(&[refused, again]).as_deref(), Some("2"), "only the server was seen at first");
    }

    #[test]
    fn a_field_is_a_version_or_none() {
        for (field, version) in [
            (1, Some(QuicVersion::V1)),
            (0x6b33_43cf, Some(QuicVersion::V2)),
            (0xff00_001d, Some(QuicVersion::Draft(29))),
            (0x1a2a_3afa, Some(QuicVersion::Reserved)),
            (0, Some(QuicVersion::Negotiation)),
            (2, None),
            (0x1a2a_3afb, None),
        ] {
            assert_eq!(QuicVersion::of(field), version, "{field:x}");
        }
    }
}
