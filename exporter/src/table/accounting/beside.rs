//! Hooks that share the packets of a direction: a packet passes one of them and never both, so that they account together.

use abi::Direction;

use crate::flow::{Hook, Role};

/// Whether two hooks share packets by what they are.
///
/// So do several ways out to other machines, and several members of a bond. And so do interfaces that lead elsewhere, of what a
/// namespace itself sends or receives (`is_passing` says that it passes on what it receives, or that packets are copied): a packet
/// leaves it once. But ports of one switch may all have a copy, while the switch learns where an address is.
pub(super) fn are_beside(one: &Hook, other: &Hook, is_passing: bool) -> bool {
    if one.direction != other.direction {
        return false;
    }
    let are_alike = one.role == other.role;
    if are_alike && one.role.is_exclusive() {
        return true;
    }
    let are_ports_of_one = one.switch.is_some() && one.switch == other.switch;
    let lead_elsewhere = match (one.role, other.role) {
        (Role::Tunnel, Role::Uplink) | (Role::Uplink, Role::Tunnel) => true,
        (role, _) => are_alike && matches!(role, Role::PodPort | Role::Pod | Role::Tunnel),
    };
    !is_passing && one.scope == other.scope && !are_ports_of_one && lead_elsewhere
}

/// Whether two hooks are where pods' packets come in to different switches, and none of the other hooks that saw the direction shows a
/// way from one to the other: then they have different packets, though addresses and ports are the same.
///
/// A packet that came in at both would have left in between, to a namespace that one of them leads to, or to where it is not known.
pub(super) fn are_apart<'a>(one: &Hook, other: &Hook, mut seen: impl Iterator<Item = &'a Hook>) -> bool {
    are_ports_of_switches(one, other)
        && seen.all(|hook| {
            let leads_away = |hook: &Hook| {
                hook.role == Role::PodPort
                    && hook.leads_to.is_some()
                    && hook.leads_to != one.leads_to
                    && hook.leads_to != other.leads_to
            };
            // A switch's own port leads to its ports.
            hook.scope == one.scope
                && (hook.direction == one.direction || hook.role == Role::Bridge || leads_away(hook))
        })
}

/// Whether pods' packets come in at both hooks, to different switches, and from different namespaces.
pub(super) fn are_ports_of_switches(one: &Hook, other: &Hook) -> bool {
    let comes_in = |hook: &Hook| {
        hook.role == Role::PodPort
            && hook.direction == Direction::Ingress
            && hook.switch.is_some_and(|switch| switch != 0)
            && hook.leads_to.is_some()
    };
    comes_in(one)
        && comes_in(other)
        && one.scope == other.scope
        && one.switch != other.switch
        && one.leads_to != other.leads_to
}
