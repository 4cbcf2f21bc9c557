//! What the agent says of itself: metrics, whether it is alive and ready, and its log.
//!
//! It reads what the stages keep anyway ([`Sources`]), so nothing that counts packets waits for it. The metrics go out by OTLP
//! ([`Push`]) and at the local listener ([`Listener`], [`Pages`]).

mod component;
mod health;
mod instruments;
mod listener;
mod memory;
mod metrics;
mod pages;
mod push;
mod repeated;
mod sources;
mod tally;
#[cfg(test)]
mod tests;
mod timed;

pub(crate) use self::component::{Component, Subject};
pub(crate) use self::health::Health;
pub(crate) use self::listener::{Listener, Serving};
pub(crate) use self::metrics::Metrics;
pub(crate) use self::pages::Pages;
pub(crate) use self::push::Push;
pub use self::repeated::RateLimited;
pub(crate) use self::sources::Sources;
pub(crate) use self::tally::Tallied;
pub(crate) use self::timed::Timed;
