//! What crosses the boundary between the kernel programs and user space.
//!
//! Every type is `repr(C)`, made of integers and arrays, without implicit padding: the kernel compares and hashes keys as
//! bytes, so a padding byte with a random value would split a flow in two. Sizes are asserted beside each type.
//!
//! Who writes what: the programs write [`Entry`], [`TcpQuality`], [`Bucket`], [`Taken`], [`Tally`], [`LossSlot`] and [`FragmentPorts`] of
//! the generation that
//! the control map selects; user space writes the control map, and reads and clears only the generation that is not selected, after a
//! grace period. So no value ever has two writers. Of a capture's frames, [`captured`] says more.
#![no_std]

pub mod captured;
pub mod control;
mod dropped;
mod entry;
mod filter;
mod fragment;
mod key;
mod loss;
pub mod maps;
mod observation;
mod opening;
mod payload;
#[cfg(feature = "user")]
mod pod;
mod quality;
mod sample;
mod timing;

pub use crate::captured::{Batch, Captured, Frame};
pub use crate::dropped::{DropKey, DropTally, NO_DROPS, Untold, skb};
pub use crate::entry::{Bucket, Entry, Taken, place};
pub use crate::filter::{FilterEnd, FilterRule, FilterSubject};
pub use crate::fragment::{FragmentKey, FragmentPorts};
pub use crate::key::{Direction, ObservationKey, PackedKey, key_flags, protocol};
pub use crate::loss::{LossKey, LossSlot, Reason, Tally};
pub use crate::observation::{Counts, Facts, opened_again, seen, tcp_flags, vlan};
pub use crate::opening::Opening;
pub use crate::payload::{Awaited, Payload, start};
pub use crate::quality::TcpQuality;
pub use crate::sample::is_chosen;
pub use crate::timing::{Timing, Timings};
