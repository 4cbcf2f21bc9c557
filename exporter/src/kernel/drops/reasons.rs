//! Why the kernel drops packets: names of this kernel's numbers.

use std::collections::HashMap;
use std::sync::Arc;

use abi::NO_DROPS;
use foldhash::fast::FixedState;

use crate::flow::DropReason;

/// What the kernel calls a drop, and is none:
/// - `SKB_CONSUMED`: the packet has done its duty;
/// - `QUEUE_PURGE`: what an end did not want any more when it closed, or an interface when it left;
/// - `OTHERHOST`: a frame for another host, that an interface shows when it takes all frames;
/// - `PACKET_SOCK_ERROR`: the copy that a capture (tcpdump) had no room for.
const NONE: [&str; 4] = ["SKB_CONSUMED", "QUEUE_PURGE", "OTHERHOST", "PACKET_SOCK_ERROR"];

const PREFIX: &str = "SKB_DROP_REASON_";
/// Reasons of subsystems have its number above.
const SUBSYSTEM_AT: u32 = 16;

/// Names by number.
#[derive(Debug)]
pub(super) struct Reasons {
    names: HashMap<u32, DropReason, FixedState>,
}

impl Reasons {
    /// Of the kernel's enumerators.
    pub(super) fn new(enumerators: Vec<(&str, u32)>) -> Self {
        let reasons = enumerators.into_iter().filter(|(name, number)| {
            // Marks of the enumeration.
            *number >> SUBSYSTEM_AT == 0 && !name.ends_with("_MAX") && !name.ends_with("_SUBSYS_MASK")
        });
        let named = |(name, number): (&str, u32)| {
            (number, DropReason(Arc::from(name.strip_prefix(PREFIX).unwrap_or(name))))
        };
        Self { names: reasons.map(named).collect() }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    /// The reason of a number. One of a subsystem has the subsystem's number in front, as others may have its own.
    pub(super) fn of(&self, number: u32) -> DropReason {
        self.names.get(&number).cloned().unwrap_or_else(|| {
            let (subsystem, own) = (number >> SUBSYSTEM_AT, number & ((1 << SUBSYSTEM_AT) - 1));
            DropReason(if subsystem == 0 { own.to_string() } else { format!("{subsystem}:{own}") }.into())
        })
    }

    /// Numbers of what is no drop. No packet is dropped for 0.
    pub(super) fn no_drops(&self) -> [u32; NO_DROPS] {
        let is_none = |(_, reason): &(&u32, &DropReason)| NONE.contains(&reason.name());
        let mut numbers = self.names.iter().filter(is_none).map(|(number, _)| *number);
        std::array::from_fn(|_| numbers.next().unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reasons() -> Reasons {
        Reasons::new(vec![
            ("SKB_NOT_DROPPED_YET", 0),
            ("SKB_CONSUMED", 1),
            ("SKB_DROP_REASON_NO_SOCKET", 3),
            ("SKB_DROP_REASON_QUEUE_PURGE", 9),
            ("SKB_DROP_REASON_MAX", 10),
            ("SKB_DROP_REASON_SUBSYS_MASK", 0xffff_0000),
        ])
    }

    #[test]
    fn a_reason_has_the_kernels_name_or_its_number() {
        let name = |number| reasons().of(number).name().to_owned();
        assert_eq!([name(3), name(10), name(2 << 16 | 5)], ["NO_SOCKET", "10", "2:5"]);
    }

    #[test]
    fn what_is_no_drop_is_known_by_name() {
        let mut numbers = reasons().no_drops();
        numbers.sort_unstable();
        assert_eq!(numbers, [0, 0, 0, 0, 0, 0, 1, 9]);
        assert!(NONE.len() <= NO_DROPS);
    }
}
