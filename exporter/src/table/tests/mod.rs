//! The rules of the flow table, each by its name.

mod accounting;
mod applications;
mod capacity;
mod connection;
mod copies;
mod drops;
mod ends;
mod handshake;
mod icmp_errors;
mod networks;
mod observations;
mod orientation;
mod own;
mod properties;
mod quality;
mod records;
mod reuse;
mod stretch;
pub(super) mod support;
mod ways;
mod ways_properties;
