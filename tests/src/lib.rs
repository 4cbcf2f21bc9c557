//! What several integration tests share.

pub mod collector;
pub mod harness;
pub mod isolated;
pub mod machine;
pub mod model;
pub mod netns;
pub mod program;
pub mod raw;
pub mod relay;
pub mod sample;
pub mod server;
pub mod topology;
pub mod traffic;
