//! The catalogue, in the order of the layers.

mod fragment;
mod ipv4;
mod ipv6;
mod link;
mod offload;
mod transport;

use crate::Case;

/// Every case.
#[must_use]
pub fn all() -> Vec<Case> {
    [link::cases(), ipv4::cases(), ipv6::cases(), fragment::cases(), transport::cases(), offload::cases()]
        .concat()
}
