//! Rules in the form in which the programs compare them.

use abi::{FilterEnd, FilterRule};

use super::prefix::Prefix;
use super::rule::{Rule, Verdict};

impl Rule {
    /// All conditions as comparisons under masks.
    pub(super) fn compile(&self) -> FilterRule {
        let Self { verdict, protocol, version, ends, ports } = self;
        let mut rule = FilterRule { ends: ends.map(end), ..FilterRule::EVERY };
        let mut want = |kind: u32, mask: u32| {
            rule.kind |= kind;
            rule.kind_mask |= mask;
        };
        if let Some(number) = protocol {
            want(u32::from(*number), 0xff);
        }
        if let Some(version) = version {
            want(u32::from(*version) << 8, 0xff00);
        }
        if let Some(ports) = ports {
            want(FilterRule::WITH_PORTS, FilterRule::WITH_PORTS);
            rule.first_port = *ports.start();
            rule.more_ports = ports.end() - ports.start();
        }
        rule.rejects = u32::from(*verdict == Verdict::Reject);
        rule
    }
}

fn end(prefix: Option<Prefix>) -> FilterEnd {
    prefix.map_or(FilterEnd::ANY, |prefix| {
        let [address, mask] = prefix.bytes().map(words);
        FilterEnd { address, mask }
    })
}

/// The bytes as the programs load them.
fn words(bytes: [u8; 16]) -> [u64; 2] {
    let mut words = [0; 2];
    for (word, bytes) in words.iter_mut().zip(bytes.as_chunks::<8>().0) {
        *word = u64::from_ne_bytes(*bytes);
    }
    words
}
