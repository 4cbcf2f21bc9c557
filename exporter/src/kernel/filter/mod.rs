//! Which packets are counted: the user's rules, in the order in which they are asked.
//!
//! `docs/filters.md` says how a rule is written.

mod compile;
mod list;
mod prefix;
mod rule;
#[cfg(test)]
mod tests;

pub use self::list::{Filter, FilterError, ListProblem};
pub use self::prefix::PrefixError;
pub use self::rule::RuleProblem;
