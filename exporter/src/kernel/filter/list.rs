//! The list of rules.

use std::num::NonZeroU32;

use abi::FilterRule;

use super::rule::{Rule, RuleProblem, Verdict};

/// Rules, of which the first that fits a packet decides. What none fits is accepted. Without rules everything is. Of the flows
/// whose packets are accepted, one in so many is counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    rules: Vec<Rule>,
    sample: NonZeroU32,
}

impl Default for Filter {
    fn default() -> Self {
        Self { rules: Vec::new(), sample: NonZeroU32::MIN }
    }
}

/// Why a list of rules is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// One of the rules is wrong.
    #[error("rule {number}, `{rule}`: {problem}")]
    Rule {
        /// Its place in the list, from 1.
        number: usize,
        /// As it was written.
        rule: Box<str>,
        /// What is wrong.
        problem: RuleProblem,
    },
    /// Each rule is right, but not the list.
    #[error("rule {number}, `{rule}`: {problem}")]
    List {
        /// Which rule shows it, from 1.
        number: usize,
        /// As it was written.
        rule: Box<str>,
        /// What is wrong.
        problem: ListProblem,
    },
}

/// What is wrong with a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ListProblem {
    /// The kernel's programs have room for fewer.
    #[error("there is room for {} rules", FilterRule::MAX)]
    TooMany,
    /// A rule before decides about every packet.
    #[error(
        "it is never asked, because the rule before it decides about every packet; only the last rule may"
    )]
    NeverAsked,
    /// The rule changes nothing, which is never meant.
    #[error(
        "the last rule accepts what is accepted anyway; add `reject` as the last rule to leave out everything else, or \
         `accept` to say that everything else is seen"
    )]
    AcceptsLast,
}

impl Filter {
    /// Reads rules; a text has several if there is a `;` or the end of a line between them.
    ///
    /// # Errors
    /// [`FilterError`], of the first rule that is wrong.
    pub fn parse<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Self, FilterError> {
        let mut rules = Vec::new();
        let mut last = None;
        let written = texts.into_iter().flat_map(|text| text.split([';', '\n'])).map(str::trim);
        for (number, rule) in (1..).zip(written.filter(|rule| !rule.is_empty())) {
            let list = |problem| FilterError::List { number, rule: rule.into(), problem };
            if rules.last().is_some_and(Rule::fits_all) {
                return Err(list(ListProblem::NeverAsked));
            }
            if rules.len() == FilterRule::MAX as usize {
                return Err(list(ListProblem::TooMany));
            }
            let parsed =
                Rule::parse(rule).map_err(|problem| FilterError::Rule { number, rule: rule.into(), problem });
            rules.push(parsed?);
            last = Some(list(ListProblem::AcceptsLast));
        }
        match (rules.last(), last) {
            (Some(rule), Some(error)) if rule.verdict == Verdict::Accept && !rule.fits_all() => Err(error),
            _ => Ok(Self { rules, ..Self::default() }),
        }
    }

    /// The same, of which one flow in so many is counted.
    #[must_use]
    pub fn sampled(self, sample: NonZeroU32) -> Self {
        Self { sample, ..self }
    }

    /// Of so many flows, one is counted.
    #[must_use]
    pub fn sample(&self) -> NonZeroU32 {
        self.sample
    }

    /// Whether every packet is counted: without rules, and where all flows are.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.rules.is_empty() && self.sample == NonZeroU32::MIN
    }

    /// The rules as the programs compare them.
    #[must_use]
    pub fn compile(&self) -> Vec<FilterRule> {
        self.rules.iter().map(Rule::compile).collect()
    }
}
