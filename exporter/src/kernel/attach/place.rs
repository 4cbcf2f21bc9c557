//! Where a clsact filter of ours goes among the others, and how it is known again.

use abi::Direction;

use super::filter::Filter;

/// What the names of all our filters begin with, whatever the instance.
const FAMILY: &str = "ofe/";
/// Ends the name of a filter whose qdisc was made by this program: it survives `kill -9` with the filter, and the next start knows
/// that the qdisc may go. Not a character of instance names.
const OWNS_QDISC: &str = "+qdisc";

/// The place of a filter within its interface and direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) priority: u16,
    pub(super) handle: u32,
    /// A filter of ours is there.
    pub(super) taken_over: bool,
}

/// The name of an instance's filter.
pub(super) fn name(instance: &str, owns_qdisc: bool) -> String {
    format!("{FAMILY}{instance}{}", if owns_qdisc { OWNS_QDISC } else { "" })
}

/// The instance that a filter belongs to, if it is one of this program.
pub(super) fn instance(filter: &Filter) -> Option<&str> {
    let name = filter.name.as_deref()?.strip_prefix(FAMILY)?;
    Some(name.strip_suffix(OWNS_QDISC).unwrap_or(name))
}

/// Whether this program, in whatever instance, made the qdisc of these filters.
pub(super) fn qdisc_is_ours(filters: &[Filter]) -> bool {
    filters.iter().any(|filter| {
        instance(filter).is_some() && filter.name.as_ref().is_some_and(|name| name.ends_with(OWNS_QDISC))
    })
}

/// The place for an instance's filter: where its left-over is, else first at ingress and last at egress. Within one priority the
/// newest filter runs first (`net/sched/cls_bpf.c`, `list_add_rcu`). `None` if others have all 65535 priorities.
pub(super) fn choose(filters: &[Filter], direction: Direction, own: &str) -> Option<Place> {
    if let Some(left_over) = filters.iter().find(|filter| instance(filter) == Some(own)) {
        return Some(Place { priority: left_over.priority, handle: left_over.handle, taken_over: true });
    }
    let there =
        |priority: u16| filters.iter().filter(move |filter| (filter.chain, filter.priority) == (0, priority));
    let usable = |priority: &u16| there(*priority).all(Filter::is_sociable);
    let priority = match direction {
        Direction::Ingress => (1..=u16::MAX).find(usable),
        Direction::Egress => (1..=u16::MAX).rev().find(usable),
    }?;
    let is_free = |handle: &u32| there(priority).all(|filter| filter.handle != *handle);
    let handle = (handle_of(own)..=u32::MAX).find(is_free)?;
    Some(Place { priority, handle, taken_over: false })
}

/// Whether a filter of another program comes between ours and the wire, so that ours does not see what that one drops or changes.
pub(super) fn is_shadowed(filters: &[Filter], direction: Direction, priority: u16) -> bool {
    let others =
        filters.iter().filter(|filter| filter.chain == 0 && filter.handle != 0 && instance(filter).is_none());
    others.map(|filter| filter.priority).any(|other| match direction {
        Direction::Ingress => other < priority,
        Direction::Egress => other >= priority,
    })
}

/// FNV-1a of the name, with room above: handles of one priority differ between instances, and stay the same over restarts.
fn handle_of(instance: &str) -> u32 {
    let hash = instance
        .bytes()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    (hash >> 1).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(priority: u16, handle: u32, kind: &str, name: Option<&str>) -> Filter {
        Filter {
            priority,
            protocol: 3,
            handle,
            chain: 0,
            kind: kind.to_owned(),
            name: name.map(str::to_owned),
        }
    }

    fn place(filters: &[Filter], direction: Direction) -> (u16, u32, bool) {
        let place = choose(filters, direction, "default").unwrap();
        (place.priority, place.handle, place.taken_over)
    }

    #[test]
    fn first_at_ingress_and_last_at_egress() {
        let others = [
            filter(1, 0, "u32", None),
            filter(1, 0x8000_0800, "u32", None),
            filter(65535, 1, "flower", None),
        ];
        assert_eq!(place(&[], Direction::Ingress), (1, handle_of("default"), false));
        assert_eq!(place(&[], Direction::Egress), (65535, handle_of("default"), false));
        assert_eq!(place(&others, Direction::Ingress).0, 2);
        assert_eq!(place(&others, Direction::Egress).0, 65534);
    }

    #[test]
    fn a_priority_is_shared_with_programs_for_every_protocol_only() {
        let cilium = filter(1, 1, "bpf", Some("cil_from_netdev"));
        let ipv4 = Filter { protocol: 0x0800, ..cilium.clone() };
        assert_eq!(place(&[cilium], Direction::Ingress).0, 1);
        assert_eq!(place(&[ipv4], Direction::Ingress).0, 2);
    }

    #[test]
    fn a_left_over_is_taken_over_where_it_is() {
        let left_over = filter(9, 77, "bpf", Some("ofe/default+qdisc"));
        assert_eq!(place(&[filter(1, 1, "u32", None), left_over], Direction::Ingress), (9, 77, true));
        let other_instance = filter(1, handle_of("default"), "bpf", Some("ofe/default2"));
        assert_eq!(place(&[other_instance], Direction::Ingress), (1, handle_of("default") + 1, false));
    }

    #[test]
    fn names_tell_instance_and_qdisc() {
        for (own, owns) in [("default", true), ("flows-12345678", false)] {
            let filters = [filter(1, 1, "bpf", Some(&name(own, owns)))];
            assert_eq!(instance(&filters[0]), Some(own));
            assert_eq!(qdisc_is_ours(&filters), owns);
        }
        let foreign = [filter(1, 1, "bpf", Some("prog.o:[tc]+qdisc")), filter(2, 1, "u32", None)];
        assert!(instance(&foreign[0]).is_none() && !qdisc_is_ours(&foreign));
    }

    #[test]
    fn a_filter_nearer_to_the_wire_shadows_ours() {
        let other = [filter(5, 0, "u32", None), filter(5, 1, "u32", None)];
        assert!(is_shadowed(&other, Direction::Ingress, 6) && !is_shadowed(&other, Direction::Ingress, 1));
        assert!(is_shadowed(&other, Direction::Egress, 4) && !is_shadowed(&other, Direction::Egress, 65535));
    }
}
