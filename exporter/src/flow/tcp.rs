//! Bits that TCP and IP headers carry, and their names.

use abi::tcp_flags;
use semconv::value::ip_ecn as value;
use semconv::value::network_tcp_flags as flag;

/// TCP flag bits that were seen, reserved bits included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TcpFlags(pub u16);

impl TcpFlags {
    const NAMES: [(u16, &str); 9] = [
        (tcp_flags::FIN, flag::FIN),
        (tcp_flags::SYN, flag::SYN),
        (tcp_flags::RST, flag::RST),
        (tcp_flags::PSH, flag::PSH),
        (tcp_flags::ACK, flag::ACK),
        (tcp_flags::URG, flag::URG),
        (tcp_flags::ECE, flag::ECE),
        (tcp_flags::CWR, flag::CWR),
        (tcp_flags::AE, flag::AE),
    ];

    /// Whether any of `bits` was seen.
    #[must_use]
    pub fn any(self, bits: u16) -> bool {
        self.0 & bits != 0
    }

    /// Names of the flags that were seen, lowest bit first.
    pub fn names(self) -> impl Iterator<Item = &'static str> + Clone {
        Self::NAMES.into_iter().filter(move |(bit, _)| self.any(*bit)).map(|(_, name)| name)
    }
}

/// ECN codepoints that were seen: bit n is codepoint n (RFC 3168).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ecn(pub u8);

impl Ecn {
    const NAMES: [&str; 4] = [value::NOT_ECT, value::ECT_1, value::ECT_0, value::CE];

    /// Names of the codepoints that were seen, lowest first.
    pub fn names(self) -> impl Iterator<Item = &'static str> + Clone {
        Self::NAMES
            .into_iter()
            .enumerate()
            .filter(move |(bit, _)| self.0 >> bit & 1 != 0)
            .map(|(_, name)| name)
    }
}
