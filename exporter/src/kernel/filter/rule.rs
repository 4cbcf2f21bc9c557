//! One rule, and how it is written.

use std::iter::Peekable;
use std::ops::RangeInclusive;
use std::str::SplitWhitespace;

use abi::protocol;

use super::prefix::{Prefix, PrefixError};
use crate::flow::protocol_number;

/// A verdict, and the conditions that a packet has to meet all of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rule {
    pub(super) verdict: Verdict,
    pub(super) protocol: Option<u8>,
    /// IP version.
    pub(super) version: Option<u8>,
    /// One of them the source and the other the destination, whichever. `None` is any address.
    pub(super) ends: [Option<Prefix>; 2],
    /// Of one end, whichever.
    pub(super) ports: Option<RangeInclusive<u16>>,
}

/// What becomes of a packet that a rule fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is counted.
    Accept,
    /// It is left out.
    Reject,
}

/// Why a rule is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleProblem {
    /// A word that does not belong there.
    #[error("`{word}` is not {expected}")]
    Word {
        /// The word.
        word: Box<str>,
        /// What is expected in its place.
        expected: &'static str,
    },
    /// It ends too early.
    #[error("it ends before {expected}")]
    End {
        /// What is expected.
        expected: &'static str,
    },
    /// Only one fits at a time.
    #[error("`{word}` is a second {condition}; write a rule for each")]
    Twice {
        /// The word.
        word: Box<str>,
        /// What there is already.
        condition: &'static str,
    },
    /// A range of addresses that is none.
    #[error("`{word}`: {problem}")]
    Prefix {
        /// The word.
        word: Box<str>,
        /// What is wrong.
        problem: PrefixError,
    },
    /// No packet has addresses of both, or another version than its addresses.
    #[error("it fits no packet, as it wants IPv4 and IPv6 at once; write a rule for each")]
    Versions,
    /// Packets of this protocol have none.
    #[error(
        "it fits no packet, as the protocol has no ports; leave out `port`, or name tcp, udp, sctp, dccp or udplite"
    )]
    NoPorts,
    /// A rule that says from where to where would leave out one half of a conversation.
    #[error("`{word}` is not known: a rule is about both directions of a conversation; write `A <-> B`")]
    Direction {
        /// The word.
        word: Box<str>,
    },
}

const VERDICT: &str = "`accept` or `reject`, with which a rule begins";
const CONDITION: &str =
    "a protocol (such as tcp, or protocol 47), ipv4, ipv6, addresses (10.0.0.0/8, A <-> B, any) or port";
const ADDRESSES: &str = "an address, a prefix such as 10.0.0.0/8, or any";
const PROTOCOL: &str = "the number of a protocol, 0 to 255";
const PORTS: &str = "a port (443) or a range of them (8000-8999)";

/// Between the ends of a conversation.
const BETWEEN: &str = "<->";

impl Rule {
    /// Reads a rule: a verdict, and then conditions in any order, each at most once.
    pub(super) fn parse(text: &str) -> Result<Self, RuleProblem> {
        let text = text.replace(BETWEEN, " <-> ");
        let mut words = text.split_whitespace().peekable();
        let verdict = match words.next() {
            Some("accept") => Verdict::Accept,
            Some("reject") => Verdict::Reject,
            word => return Err(unexpected(word, VERDICT)),
        };
        let (mut protocol, mut version, mut ends, mut ports) = (None, None, None, None);
        while let Some(word) = words.next() {
            match word {
                "ipv4" => once(&mut version, 4, word, "IP version")?,
                "ipv6" => once(&mut version, 6, word, "IP version")?,
                "protocol" => {
                    let number = next(&mut words, PROTOCOL, |number| number.parse().ok())?;
                    once(&mut protocol, number, word, "protocol")?;
                }
                "port" => once(&mut ports, next(&mut words, PORTS, range)?, word, "port")?,
                "from" | "to" | "src" | "dst" | "->" | "<-" => {
                    return Err(RuleProblem::Direction { word: word.into() });
                }
                _ => match protocol_number(word) {
                    Some(number) => once(&mut protocol, number, word, "protocol")?,
                    None => once(&mut ends, both_ends(word, &mut words)?, word, "pair of addresses")?,
                },
            }
        }
        let ends = ends.unwrap_or_default();
        let versions = ends.into_iter().flatten().map(|end| end.version);
        for end in versions {
            if version.is_some_and(|other| other != end) {
                return Err(RuleProblem::Versions);
            }
            version = Some(end);
        }
        if ports.is_some() && protocol.is_some_and(|number| !protocol::has_ports(number)) {
            return Err(RuleProblem::NoPorts);
        }
        Ok(Self { verdict, protocol, version, ends, ports })
    }

    /// Whether it has no condition.
    pub(super) fn fits_all(&self) -> bool {
        let Self { verdict: _, protocol, version, ends, ports } = self;
        protocol.is_none() && version.is_none() && *ends == [None; 2] && ports.is_none()
    }
}

/// `A <-> B`, or an address of one end alone, of which `word` is the first.
fn both_ends(
    word: &str,
    words: &mut Peekable<SplitWhitespace<'_>>,
) -> Result<[Option<Prefix>; 2], RuleProblem> {
    let one = end(word, CONDITION)?;
    if words.next_if_eq(&BETWEEN).is_none() {
        return Ok([one, None]);
    }
    match words.next() {
        Some(word) => Ok([one, end(word, ADDRESSES)?]),
        None => Err(unexpected(None, ADDRESSES)),
    }
}

fn end(word: &str, expected: &'static str) -> Result<Option<Prefix>, RuleProblem> {
    if word == "any" {
        return Ok(None);
    }
    Prefix::parse(word).map(Some).map_err(|problem| match problem {
        PrefixError::Address(_)
            if !word.starts_with(|first: char| first.is_ascii_digit()) && !word.contains(':') =>
        {
            unexpected(Some(word), expected)
        }
        problem => RuleProblem::Prefix { word: word.into(), problem },
    })
}

fn range(word: &str) -> Option<RangeInclusive<u16>> {
    let (first, last) = word.split_once('-').unwrap_or((word, word));
    let range = first.parse().ok()?..=last.parse().ok()?;
    (!range.is_empty()).then_some(range)
}

fn next<T>(
    words: &mut Peekable<SplitWhitespace<'_>>,
    expected: &'static str,
    read: impl FnOnce(&str) -> Option<T>,
) -> Result<T, RuleProblem> {
    let word = words.next();
    word.and_then(read).ok_or_else(|| unexpected(word, expected))
}

fn once<T>(condition: &mut Option<T>, value: T, word: &str, name: &'static str) -> Result<(), RuleProblem> {
    match condition.replace(value) {
        None => Ok(()),
        Some(_) => Err(RuleProblem::Twice { word: word.into(), condition: name }),
    }
}

fn unexpected(word: Option<&str>, expected: &'static str) -> RuleProblem {
    match word {
        Some(word) => RuleProblem::Word { word: word.into(), expected },
        None => RuleProblem::End { expected },
    }
}
