//! Patterns of interface names: `*` for any text, `?` for one character, `[a-z]` or `[!a-z]` for one of a set.

use std::fmt;
use std::str::FromStr;

/// A pattern that names interfaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob {
    pattern: Box<str>,
    tokens: Box<[Token]>,
}

/// Why a pattern means nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GlobError {
    /// Nothing has no name.
    #[error("a pattern for interface names is empty; use `*` for all")]
    Empty,
    /// A set has no end.
    #[error("the pattern `{0}` has a `[` without its `]`")]
    OpenSet(Box<str>),
    /// A range has its ends reversed.
    #[error("the pattern `{pattern}` has a range that ends before it begins: `{from}-{to}`")]
    Range {
        /// The whole pattern.
        pattern: Box<str>,
        /// Its beginning.
        from: char,
        /// Its end.
        to: char,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Text,
    Any,
    One(char),
    Set { ranges: Box<[(char, char)]>, negated: bool },
}

impl Glob {
    /// Whether the whole name fits the pattern.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        let name: Vec<char> = name.chars().collect();
        let (mut token, mut at) = (0, 0);
        // The last `*` and where its text ends so far: the only place to try again from.
        let mut star = None;
        while at < name.len() {
            match self.tokens.get(token) {
                Some(Token::Text) => {
                    star = Some((token, at));
                    token += 1;
                }
                Some(one) if one.takes(name[at]) => {
                    token += 1;
                    at += 1;
                }
                _ => {
                    let Some((begin, end)) = star else { return false };
                    star = Some((begin, end + 1));
                    token = begin + 1;
                    at = end + 1;
                }
            }
        }
        self.tokens[token..].iter().all(|rest| *rest == Token::Text)
    }

    /// Whether the pattern is the name of one interface.
    #[must_use]
    pub fn is_literal(&self) -> bool {
        self.tokens.iter().all(|token| matches!(token, Token::One(_)))
    }
}

impl Token {
    fn takes(&self, character: char) -> bool {
        match self {
            Self::Text => false,
            Self::Any => true,
            Self::One(own) => *own == character,
            Self::Set { ranges, negated } => {
                ranges.iter().any(|(from, to)| (*from..=*to).contains(&character)) != *negated
            }
        }
    }
}

impl FromStr for Glob {
    type Err = GlobError;

    fn from_str(pattern: &str) -> Result<Self, GlobError> {
        if pattern.is_empty() {
            return Err(GlobError::Empty);
        }
        let mut tokens = Vec::new();
        let mut rest = pattern.chars().peekable();
        while let Some(character) = rest.next() {
            tokens.push(match character {
                '*' => Token::Text,
                '?' => Token::Any,
                '[' => set(&mut rest, pattern)?,
                character => Token::One(character),
            });
        }
        Ok(Self { pattern: pattern.into(), tokens: tokens.into() })
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.pattern)
    }
}

/// What follows `[`. As in the shell: `!` or `^` first negates, `]` first is one of the set, `-` at an end is itself.
fn set(rest: &mut std::iter::Peekable<std::str::Chars<'_>>, pattern: &str) -> Result<Token, GlobError> {
    let open = || GlobError::OpenSet(pattern.into());
    let negated = rest.next_if(|next| matches!(next, '!' | '^')).is_some();
    let mut ranges = Vec::new();
    loop {
        let from = rest.next().ok_or_else(open)?;
        if from == ']' && !ranges.is_empty() {
            return Ok(Token::Set { ranges: ranges.into(), negated });
        }
        let mut ahead = rest.clone();
        let to = match (ahead.next(), ahead.next()) {
            (Some('-'), Some(to)) if to != ']' => {
                *rest = ahead;
                to
            }
            _ => from,
        };
        if to < from {
            return Err(GlobError::Range { pattern: pattern.into(), from, to });
        }
        ranges.push((from, to));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(pattern: &str, name: &str) -> bool {
        pattern.parse::<Glob>().unwrap().matches(name)
    }

    #[test]
    fn patterns_fit_whole_names() {
        for (pattern, fitting, other) in [
            ("eth0", &["eth0"][..], &["eth01", "xeth0", "eth", "ETH0"][..]),
            ("eth*", &["eth", "eth0", "eth0.100"], &["xeth0", "et"]),
            ("*", &["a", "docker0"], &[]),
            ("*0", &["eth0", "0", "00"], &["eth1", ""]),
            ("veth*@*", &["veth1@if2", "veth@"], &["veth1"]),
            ("e??0", &["eth0", "ens0"], &["en0", "enss0"]),
            ("en[ps]*", &["enp3s0", "ens5"], &["eno1", "en"]),
            ("eth[0-24]", &["eth0", "eth2", "eth4"], &["eth3", "eth", "eth00"]),
            ("[!a-z]*", &["0a", "_x"], &["eth0", ""]),
            ("[^v]*", &["eth0"], &["veth0"]),
            ("x[]-]", &["x]", "x-"], &["x", "xa"]),
            ("a*b*c", &["abc", "aXbYc", "abbcc"], &["ab", "acb", "abcd"]),
        ] {
            for name in fitting {
                assert!(fits(pattern, name), "{pattern} should fit {name:?}");
            }
            for name in other {
                assert!(!fits(pattern, name), "{pattern} should not fit {name:?}");
            }
        }
    }

    #[test]
    fn many_stars_take_no_more_than_quadratic_time() {
        assert!(!fits(&"a*".repeat(100), &"a".repeat(99)));
        assert!(!fits(&format!("{}b", "a*".repeat(50)), &"a".repeat(5000)));
    }

    #[test]
    fn broken_patterns_say_why() {
        assert_eq!("".parse::<Glob>(), Err(GlobError::Empty));
        assert_eq!("eth[".parse::<Glob>(), Err(GlobError::OpenSet("eth[".into())));
        assert_eq!("eth[]".parse::<Glob>(), Err(GlobError::OpenSet("eth[]".into())));
        assert_eq!("eth[0-".parse::<Glob>(), Err(GlobError::OpenSet("eth[0-".into())));
        let error = "[9-0]".parse::<Glob>().unwrap_err();
        assert_eq!(error.to_string(), "the pattern `[9-0]` has a range that ends before it begins: `9-0`");
    }

    #[test]
    fn a_literal_names_one_interface() {
        assert!("lo".parse::<Glob>().unwrap().is_literal());
        assert!(!"l?".parse::<Glob>().unwrap().is_literal());
    }
}
