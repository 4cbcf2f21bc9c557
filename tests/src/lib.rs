//! What several integration tests share.

pub mod harness;
pub mod netns;
