//! The object of the kernel programs, as built by `build.rs`.

use std::marker::PhantomData;

/// Generic so that a missing object fails the build of a binary, with its remedy, and not `cargo check`.
struct Object<T: ?Sized>(PhantomData<T>);

include!(concat!(env!("OUT_DIR"), "/object.rs"));

pub(super) fn bytes() -> &'static [u8] {
    Object::<()>::BYTES
}
