//! What the first bytes of a connection say of its application.

use semconv::value::{network_flow_encryption as encryption, tls_protocol_name};

use crate::flow::quic::Quic;
use crate::flow::{Dns, DnsMessage, QuicHeader, Sighting};

/// What is known of a flow's application. Fixed for the flow's life once it is known, and never guessed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Application {
    /// The readable protocol that a side spoke first.
    protocol: Option<Protocol>,
    /// Its version, where it is said.
    version: Option<Box<str>>,
    /// A side began with a TLS handshake.
    tls: Option<Tls>,
    /// The client asks in its own protocol for TLS.
    tls_request: Option<TlsRequest>,
    /// The server's answer to that.
    tls_answer: Option<bool>,
    /// Questions to DNS.
    dns: Option<Box<Dns>>,
    /// The QUIC connection.
    quic: Option<Box<Quic>>,
}

/// What the first bytes of one side are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// A TLS handshake, as far as it could be read.
    Tls(Tls),
    /// Words of a readable protocol.
    Plain {
        /// Which.
        protocol: Protocol,
        /// The version that they say.
        version: Option<Box<str>>,
    },
    /// A client's request to go on with TLS.
    TlsRequest(TlsRequest),
    /// A byte that is an answer to such a request, if there is one.
    TlsAnswer(bool),
    /// A DNS message.
    Dns(DnsMessage),
    /// A QUIC packet with a long header.
    Quic(QuicHeader),
    /// Nothing that is known.
    Unknown,
}

impl Start {
    /// Whether it says something of a flow of which nothing else is known.
    #[must_use]
    pub fn stands_alone(&self) -> bool {
        !matches!(self, Self::Quic(QuicHeader { is_fixed: false, .. }))
    }
}

/// A TLS handshake (RFC 8446, RFC 5246).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// The version that the server chose.
    pub version: Option<TlsVersion>,
    /// The name that the client asked for (SNI, RFC 6066).
    pub server_name: Option<Box<str>>,
    /// The protocols that the client offered (ALPN, RFC 7301), in its order of preference.
    pub offered: Vec<Box<str>>,
    /// The protocol that the server chose, which TLS 1.3 encrypts.
    pub next_protocol: Option<Box<str>>,
}

/// A version of SSL or TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsVersion {
    /// SSL 3.0, which RFC 7568 forbids.
    Ssl30,
    /// TLS 1.0.
    Tls10,
    /// TLS 1.1.
    Tls11,
    /// TLS 1.2.
    Tls12,
    /// TLS 1.3.
    Tls13,
}

/// A request to go on with TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsRequest {
    /// PostgreSQL's `SSLRequest`: the server agrees, or not.
    PostgreSql,
    /// MySQL's `SSLRequest`: the server has offered it, and does not answer.
    MySql,
}

/// Protocols that are recognised by their first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1 or HTTP/2 with prior knowledge.
    Http,
    /// SSH.
    Ssh,
    /// SMTP.
    Smtp,
    /// FTP, its control connection.
    Ftp,
    /// Telnet.
    Telnet,
    /// Redis.
    Redis,
    /// PostgreSQL.
    PostgreSql,
    /// MySQL.
    MySql,
    /// DNS.
    Dns,
    /// QUIC.
    Quic,
}

impl Application {
    /// Takes what a side began with, and where that was seen. What is known already stays.
    pub fn learn(&mut self, start: Start, seen: Sighting) {
        match start {
            Start::Tls(tls) => match &mut self.tls {
                Some(known) => known.learn(tls),
                None => self.tls = Some(tls),
            },
            Start::Plain { protocol, version } => {
                if *self.protocol.get_or_insert(protocol) == protocol && self.version.is_none() {
                    self.version = version;
                }
            }
            Start::TlsRequest(request) => {
                self.protocol.get_or_insert(match request {
                    TlsRequest::PostgreSql => Protocol::PostgreSql,
                    TlsRequest::MySql => Protocol::MySql,
                });
                self.tls_request.get_or_insert(request);
            }
            Start::TlsAnswer(answer) => {
                self.tls_answer.get_or_insert(answer);
            }
            Start::Dns(message) => {
                self.protocol.get_or_insert(Protocol::Dns);
                self.dns.get_or_insert_default().learn(message, seen);
            }
            Start::Quic(header) => match &mut self.quic {
                Some(known) => known.learn(&header),
                None if header.is_fixed => {
                    self.protocol.get_or_insert(Protocol::Quic);
                    self.quic = Some(Box::new(Quic::new(header)));
                }
                None => {}
            },
            Start::Unknown => {}
        }
    }

    /// The readable protocol.
    #[must_use]
    pub fn protocol(&self) -> Option<Protocol> {
        self.protocol
    }

    /// The readable protocol's version, as it is said.
    #[must_use]
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref().or_else(|| self.quic.as_ref()?.version())
    }

    /// The TLS handshake that the connection began with.
    #[must_use]
    pub fn tls(&self) -> Option<&Tls> {
        self.tls.as_ref()
    }

    /// A record said what there is to say.
    pub fn told(&mut self) {
        if let Some(dns) = &mut self.dns {
            dns.told();
        }
    }

    /// Questions to DNS.
    #[must_use]
    pub fn dns(&self) -> Option<&Dns> {
        self.dns.as_deref()
    }

    /// What protects the connection, as far as its start tells: a value of the attribute.
    #[must_use]
    pub fn encryption(&self) -> &'static str {
        match (self.protocol, &self.tls) {
            // QUIC's first packets carry a TLS handshake (RFC 9001).
            (None, Some(_)) | (Some(Protocol::Quic), None) => encryption::TLS,
            (Some(Protocol::Ssh), None) => encryption::SSH,
            (Some(protocol), None) if !protocol.may_turn_to_tls() => {
                match (self.tls_request, self.tls_answer) {
                    (None, _) | (Some(TlsRequest::PostgreSql), Some(false)) => encryption::NONE,
                    (Some(TlsRequest::MySql), _) | (Some(TlsRequest::PostgreSql), Some(true)) => {
                        encryption::TLS
                    }
                    (Some(TlsRequest::PostgreSql), None) => encryption::UNKNOWN,
                }
            }
            // Also where one side speaks TLS and the other does not understand.
            _ => encryption::UNKNOWN,
        }
    }

    /// Bytes of memory that it takes, itself included.
    #[must_use]
    pub fn bytes(&self) -> usize {
        /// What the allocator adds to an allocation.
        const ALLOCATION: usize = 16;
        let text = |text: &Option<Box<str>>| text.as_ref().map_or(0, |text| text.len() + ALLOCATION);
        let tls = self.tls.as_ref().map_or(0, |tls| {
            let offered = tls.offered.iter().map(|name| name.len() + size_of::<Box<str>>() + ALLOCATION);
            text(&tls.server_name) + text(&tls.next_protocol) + offered.sum::<usize>() + ALLOCATION
        });
        let dns = self.dns.as_ref().map_or(0, |dns| size_of::<Dns>() + ALLOCATION + dns.bytes(ALLOCATION));
        let quic = self.quic.as_ref().map_or(0, |quic| {
            size_of::<Quic>() + quic.version().map_or(0, |version| version.len() + ALLOCATION) + ALLOCATION
        });
        quic + dns + size_of::<Self>() + ALLOCATION + text(&self.version) + tls
    }
}

impl Tls {
    /// Takes what the other side's handshake says.
    fn learn(&mut self, other: Self) {
        self.version = self.version.or(other.version);
        self.server_name = self.server_name.take().or(other.server_name);
        self.next_protocol = self.next_protocol.take().or(other.next_protocol);
        if self.offered.is_empty() {
            self.offered = other.offered;
        }
    }
}

impl TlsVersion {
    /// The attribute's value for the kind of protocol.
    #[must_use]
    pub fn family(self) -> &'static str {
        if self == Self::Ssl30 { tls_protocol_name::SSL } else { tls_protocol_name::TLS }
    }

    /// The attribute's value for the number.
    #[must_use]
    pub fn number(self) -> &'static str {
        match self {
            Self::Ssl30 => "3.0",
            Self::Tls10 => "1.0",
            Self::Tls11 => "1.1",
            Self::Tls12 => "1.2",
            Self::Tls13 => "1.3",
        }
    }
}

impl Protocol {
    /// Whether its ends may agree on TLS after their first words.
    fn may_turn_to_tls(self) -> bool {
        matches!(self, Self::Smtp | Self::Ftp)
    }

    /// The attribute's value: the names of OpenTelemetry's conventions where they have one.
    #[must_use]
    pub fn name(self) -> &'static str {
        use semconv::value::network_protocol_name as value;
        match self {
            Self::Http => value::HTTP,
            Self::Ssh => value::SSH,
            Self::Smtp => value::SMTP,
            Self::Ftp => value::FTP,
            Self::Telnet => value::TELNET,
            Self::Redis => value::REDIS,
            Self::PostgreSql => value::POSTGRESQL,
            Self::MySql => value::MYSQL,
            Self::Dns => value::DNS,
            Self::Quic => value::QUIC,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::MonotonicTime;

    const SEEN: Sighting = Sighting { time: MonotonicTime(1), scope: 0, ifindex: 1 };

    fn of(starts: &[Start]) -> &'static str {
        let mut application = Application::default();
        starts.iter().cloned().for_each(|start| application.learn(start, SEEN));
        application.encryption()
    }

    fn plain(protocol: Protocol) -> Start {
        Start::Plain { protocol, version: None }
    }

    #[test]
    fn encryption_is_told_by_both_sides() {
        let tls = || Start::Tls(Tls::default());
        let asks = || Start::TlsRequest(TlsRequest::PostgreSql);
        let mysql = [plain(Protocol::MySql), Start::TlsRequest(TlsRequest::MySql)];
        let cases: [(&[Start], &str); 12] = [
            (&[tls()], encryption::TLS),
            (&[tls(), plain(Protocol::Http)], encryption::UNKNOWN),
            (&[plain(Protocol::Http)], encryption::NONE),
            (&[plain(Protocol::Ssh)], encryption::SSH),
            (&[plain(Protocol::Smtp)], encryption::UNKNOWN),
            (&[asks()], encryption::UNKNOWN),
            (&[asks(), Start::TlsAnswer(true)], encryption::TLS),
            (&[Start::TlsAnswer(false), asks()], encryption::NONE),
            (&[Start::TlsAnswer(true)], encryption::UNKNOWN),
            (&[plain(Protocol::PostgreSql)], encryption::NONE),
            (&mysql, encryption::TLS),
            (&[Start::Unknown], encryption::UNKNOWN),
        ];
        for (starts, expected) in cases {
            assert_eq!(of(starts), expected, "{starts:?}");
        }
    }

    #[test]
    fn what_is_known_stays() {
        let mut application = Application::default();
        let http = |version: &str| Start::Plain { protocol: Protocol::Http, version: Some(version.into()) };
        application.learn(http("1.0"), SEEN);
        application.learn(http("1.1"), SEEN);
        application.learn(Start::Plain { protocol: Protocol::Ssh, version: Some("2.0".into()) }, SEEN);
        assert_eq!((application.protocol(), application.version()), (Some(Protocol::Http), Some("1.0")));
    }

    #[test]
    fn both_hellos_make_one_handshake() {
        let mut application = Application::default();
        application.learn(Start::Tls(Tls { version: Some(TlsVersion::Tls13), ..Tls::default() }), SEEN);
        let offered = vec!["h2".into()];
        let hello = Tls { server_name: Some("a.example".into()), offered, ..Tls::default() };
        application.learn(Start::Tls(hello), SEEN);
        let tls = application.tls().unwrap();
        assert_eq!((tls.version, tls.server_name.as_deref()), (Some(TlsVersion::Tls13), Some("a.example")));
        assert_eq!(*tls.offered[0], *"h2");
    }
}
