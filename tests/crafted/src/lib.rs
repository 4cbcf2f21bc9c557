//! Packets for tests: what the wire carries, what an attacker sends, and what is true of each.
//!
//! [`layer`] builds headers with `etherparse`, which shares no code with the parser under test; what it refuses to build is
//! patched into its output. [`all`] is the catalogue: the parser's tests take it as slices, the tests of the kernel programs send
//! the same frames through the kernel. A [`Case`] states by hand what is true of its frame, so no parser judges itself.

mod case;
mod cases;
pub mod layer;

pub use crate::case::{Case, Device, Flow, Offload, Verdict};
pub use crate::cases::all;
