//! Lets aya read and write the shared types as bytes. The only `unsafe impl`s of the ABI.
#![expect(unsafe_code, reason = "aya::Pod is an unsafe trait")]

use crate::{
    Batch, Bucket, DropKey, DropTally, Entry, FilterRule, FragmentKey, FragmentPorts, LossKey, LossSlot,
    PackedKey, Taken, Tally, TcpQuality,
};

macro_rules! pod {
    ($($name:ident)*) => {$(
        // SAFETY: `repr(C)`, made of integers, arrays of integers and such structures, every padding byte explicit (the size is asserted beside
        // the type), `Copy` and `'static`: any bit pattern is a value and every byte is initialised.
        unsafe impl aya::Pod for $name {}
    )*};
}

pod! {
    Batch Bucket DropKey DropTally Entry FilterRule FragmentKey FragmentPorts LossKey LossSlot PackedKey Taken Tally TcpQuality
}
