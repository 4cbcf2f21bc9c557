//! A question to DNS and its answer.

use std::time::Duration;

use crate::clock::MonotonicTime;

/// A DNS message, as far as it is looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsMessage {
    /// By which an answer is known to be that to a query.
    pub id: u16,
    /// The name that is asked for, in lower case.
    pub name: Box<str>,
    /// The type that is asked for (IANA "Resource Record (RR) TYPEs").
    pub kind: u16,
    /// Of an answer, the response code; `None` of a query.
    pub code: Option<u8>,
}

/// The first question of a flow, and the answer to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dns {
    id: u16,
    name: Box<str>,
    kind: u16,
    code: Option<u8>,
    /// When and where the query was seen first.
    asked: Option<Sighting>,
    /// From there to the answer.
    duration: Option<Duration>,
}

/// When and where a packet was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// When, precise.
    pub time: MonotonicTime,
    /// Network namespace of the hook.
    pub scope: u32,
    /// Its interface.
    pub ifindex: u32,
}

impl Dns {
    /// As the first message of a flow says it.
    pub(super) fn new(message: DnsMessage, seen: Sighting) -> Self {
        let DnsMessage { id, name, kind, code } = message;
        Self { id, name, kind, code, asked: code.is_none().then_some(seen), duration: None }
    }

    /// Takes a further message.
    pub(super) fn learn(&mut self, message: &DnsMessage, seen: Sighting) {
        let is_same = message.id == self.id && message.kind == self.kind && message.name == self.name;
        let Some(code) = message.code.filter(|_| is_same) else { return };
        self.code.get_or_insert(code);
        if let Some(asked) = self.asked
            && (asked.scope, asked.ifindex) == (seen.scope, seen.ifindex)
        {
            self.duration.get_or_insert(Duration::from_nanos(seen.time.since(asked.time)));
        }
    }

    /// The name that is asked for.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The number of the type that is asked for.
    #[must_use]
    pub fn kind(&self) -> u16 {
        self.kind
    }

    /// The type's name, if it is a usual one.
    #[must_use]
    pub fn kind_name(&self) -> Option<&'static str> {
        Some(match self.kind {
            1 => "A",
            2 => "NS",
            5 => "CNAME",
            6 => "SOA",
            12 => "PTR",
            15 => "MX",
            16 => "TXT",
            28 => "AAAA",
            33 => "SRV",
            35 => "NAPTR",
            43 => "DS",
            48 => "DNSKEY",
            64 => "SVCB",
            65 => "HTTPS",
            252 => "AXFR",
            255 => "ANY",
            257 => "CAA",
            _ => return None,
        })
    }

    /// The response code's name (IANA "DNS RCODEs"), if it is a usual one.
    #[must_use]
    pub fn code_name(&self) -> Option<&'static str> {
        Some(match self.code? {
            0 => "NOERROR",
            1 => "FORMERR",
            2 => "SERVFAIL",
            3 => "NXDOMAIN",
            4 => "NOTIMP",
            5 => "REFUSED",
            _ => return None,
        })
    }

    /// The number of the response code, if there was an answer.
    #[must_use]
    pub fn code(&self) -> Option<u8> {
        self.code
    }

    /// From the query to its answer, at the interface that saw the query first.
    #[must_use]
    pub fn duration(&self) -> Option<Duration> {
        self.duration
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(id: u16, code: Option<u8>) -> DnsMessage {
        DnsMessage { id, name: "a.example".into(), kind: 1, code }
    }

    fn at(time: u64, ifindex: u32) -> Sighting {
        Sighting { time: MonotonicTime(time), scope: 0, ifindex }
    }

    #[test]
    fn a_duration_is_that_at_one_interface_from_the_first_query_on() {
        let mut dns = Dns::new(message(7, None), at(1_000, 1));
        dns.learn(&message(7, None), at(1_500, 2));
        dns.learn(&message(7, None), at(2_000, 1));
        dns.learn(&message(8, Some(0)), at(2_500, 1));
        assert_eq!((dns.code(), dns.duration()), (None, None), "another question's");
        dns.learn(&message(7, Some(3)), at(3_000, 2));
        assert_eq!((dns.code(), dns.duration()), (Some(3), None), "another interface's");
        dns.learn(&message(7, Some(3)), at(4_000, 1));
        dns.learn(&message(7, Some(2)), at(9_000, 1));
        assert_eq!((dns.code(), dns.duration()), (Some(3), Some(Duration::from_micros(3))));
    }

    #[test]
    fn an_answer_alone_has_no_duration() {
        let mut dns = Dns::new(message(7, Some(0)), at(1_000, 1));
        dns.learn(&message(7, Some(0)), at(2_000, 1));
        assert_eq!((dns.code(), dns.duration()), (Some(0), None));
    }
}
