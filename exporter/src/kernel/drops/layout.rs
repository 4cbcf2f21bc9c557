//! What the program has to know of this kernel.

use std::fs;
use std::path::Path;

use abi::{NO_DROPS, skb};

use super::DropsError;
use super::reasons::Reasons;
use crate::kernel::btf::{Btf, Kind};

/// Where each member of [`skb`] is, by its structure and name, in the order of its number.
const MEMBERS: [(&str, &str); skb::MEMBERS] = [
    ("sk_buff", "head"),
    ("sk_buff", "data"),
    ("sk_buff", "tail"),
    ("sk_buff", "end"),
    ("sk_buff", "len"),
    ("sk_buff", "network_header"),
    ("sk_buff", "protocol"),
    ("skb_shared_info", "gso_size"),
    ("skb_shared_info", "gso_segs"),
    ("sk_buff", "dev"),
    ("sk_buff", "sk"),
    ("net_device", "nd_net"),
    ("sock_common", "skc_net"),
    ("net", "ns"),
    ("ns_common", "inum"),
];

const REASON: &str = "skb_drop_reason";
/// The tracepoint's name for its functions.
const TRACEPOINT: &str = "btf_trace_kfree_skb";
/// The place of the reason among its arguments, of which the first is the tracepoint's own.
const REASON_AT: usize = 3;

/// Offsets and reasons of this kernel.
#[derive(Debug)]
pub(in crate::kernel) struct Layout {
    offsets: [u32; skb::MEMBERS],
    reasons: Reasons,
}

impl Layout {
    /// As the kernel says it below a `sys` folder.
    pub(in crate::kernel) fn read(sys: &Path) -> Result<Self, DropsError> {
        let bytes = fs::read(sys.join("kernel/btf/vmlinux")).map_err(DropsError::Unreadable)?;
        Self::of(&Btf::parse(bytes)?)
    }

    /// As a kernel's types say it.
    pub(in crate::kernel) fn of(btf: &Btf) -> Result<Self, DropsError> {
        let arguments = btf.arguments(TRACEPOINT).ok_or(DropsError::Missing("tracepoint kfree_skb"))?;
        let reason = btf.find(Kind::Enum, REASON).ok_or(DropsError::NoReason)?;
        if arguments.get(REASON_AT) != Some(&reason) {
            return Err(DropsError::NoReason);
        }
        let mut offsets = [0; skb::MEMBERS];
        for (offset, (structure, member)) in offsets.iter_mut().zip(MEMBERS) {
            *offset = btf.offset(structure, member).ok_or(DropsError::Missing(member))?;
        }
        Ok(Self { offsets, reasons: Reasons::new(btf.enumerators(REASON)) })
    }

    pub(in crate::kernel) fn offsets(&self) -> &[u32; skb::MEMBERS] {
        &self.offsets
    }

    /// Numbers of reasons that are no drops.
    pub(in crate::kernel) fn no_drops(&self) -> [u32; NO_DROPS] {
        self.reasons.no_drops()
    }

    pub(super) fn reasons(&self) -> &Reasons {
        &self.reasons
    }

    pub(super) fn into_reasons(self) -> Reasons {
        self.reasons
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The kernel that runs the tests says where its members are, and every member's place is another.
    #[test]
    fn this_kernel_is_understood() {
        let layout = Layout::read(Path::new("/sys")).unwrap();
        let of_packet = |number: &usize| MEMBERS[*number].0 == "sk_buff";
        let mut places: Vec<_> =
            (0..skb::MEMBERS).filter(of_packet).map(|number| layout.offsets()[number]).collect();
        places.sort_unstable();
        places.dedup();
        assert_eq!(places.len(), 9, "{layout:?}");
        assert!(layout.reasons().len() > 50, "{layout:?}");
    }

    #[test]
    fn what_is_no_type_information_is_told() {
        let host = tempfile::tempdir().unwrap();
        assert!(matches!(Layout::read(host.path()), Err(DropsError::Unreadable(_))));
        fs::create_dir_all(host.path().join("kernel/btf")).unwrap();
        fs::write(host.path().join("kernel/btf/vmlinux"), "no types").unwrap();
        assert!(matches!(Layout::read(host.path()), Err(DropsError::Types(_))));
    }
}
