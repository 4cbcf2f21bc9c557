//! What the tests of the whole have in common.

pub mod harness;
pub mod machine;
pub mod model;
pub mod netns;
pub mod raw;
