//! From the registry's YAML to the constants in `src/generated` and the reference in `docs`.
//!
//! It is read top-down: [`registry`] loads the model, [`rules`] judges it, [`rust`] and [`markdown`] render it. Shared by
//! `examples/generate.rs`, which writes the result, and the tests, which compare it with what is committed.

pub(crate) mod markdown;
pub(crate) mod model;
pub(crate) mod registry;
pub(crate) mod rules;
pub(crate) mod rust;

use std::path::Path;

use registry::Registry;

/// How to bring the generated files up to date; named by every complaint about them.
pub(crate) const COMMAND: &str = "cargo run -p flow-semconv --example generate";

/// A generated file.
pub(crate) struct Artifact {
    /// Relative to the package's folder.
    pub(crate) path: &'static str,
    pub(crate) content: String,
}

/// The folder that holds `model`, `src` and `docs`.
pub(crate) fn package() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All generated files of a registry that keeps the rules.
pub(crate) fn artifacts(registry: &Registry) -> Vec<Artifact> {
    let file = |path, content| Artifact { path, content };
    vec![
        file("src/generated/mod.rs", rust::constants(registry)),
        file("src/generated/attribute.rs", rust::attributes(registry)),
        file("src/generated/event.rs", rust::events(registry)),
        file("src/generated/metric.rs", rust::metrics(registry)),
        file("src/generated/resource.rs", rust::resource(registry)),
        file("src/generated/value.rs", rust::values(registry)),
        file("docs/attributes.md", markdown::attributes(registry)),
        file("docs/events.md", markdown::events(registry)),
        file("docs/metrics.md", markdown::metrics(registry)),
    ]
}
