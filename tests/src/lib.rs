//! What several integration tests share.

pub mod harness;
pub mod machine;
pub mod model;
pub mod netns;
pub mod raw;
