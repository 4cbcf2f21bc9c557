//! The exporter's resource.
//!
//! Generated from `semconv/model` by `cargo run -p flow-semconv --example generate`: do not edit.

use crate::{Attribute, attribute};

/// Resource of the exporter, sent with all of its telemetry.
pub const ATTRIBUTES: &[Attribute] = &[
    attribute::SERVICE_NAME,
    attribute::SERVICE_VERSION,
    attribute::SERVICE_INSTANCE_ID,
    attribute::HOST_NAME,
    attribute::HOST_ID,
    attribute::HOST_ARCH,
    attribute::OS_TYPE,
    attribute::TELEMETRY_DISTRO_NAME,
    attribute::TELEMETRY_DISTRO_VERSION,
    attribute::TELEMETRY_SDK_NAME,
    attribute::TELEMETRY_SDK_LANGUAGE,
    attribute::TELEMETRY_SDK_VERSION,
];
