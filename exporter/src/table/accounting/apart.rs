//! Ports where pods' packets come in to different switches: their packets are different ones, though addresses and ports are the same,
//! unless some of the one pod go to the other, which passes them on.

use crate::flow::{Direction, Hook, HookId, Hooks, OWN_SCOPE, Role};
use crate::table::accounting::Lead;
use crate::table::accounting::tally::Tally;

/// The namespaces of pods that a direction's packets were seen to enter, by their numbers' remainders: a flow has it twice. Where more is
/// not known than that they may have entered one, it has all.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Entered(u16);

impl Entered {
    const ALL: Self = Self(u16::MAX);

    fn of(scope: u32) -> Self {
        Self(1 << (scope % u16::BITS))
    }

    /// A hook has seen packets.
    pub(super) fn add(&mut self, id: HookId, hooks: &Hooks) {
        let hook = hooks.get(id);
        let entered = if is_port(hook) && hook.direction == Direction::Egress {
            hooks.leads_into(id).map_or(Self::ALL, Self::of)
        } else if is_port(hook) || (hook.scope == OWN_SCOPE && hook.role == Role::Bridge) {
            Self::default()
        } else {
            // In a pod, or on a way that switches do not know.
            Self::ALL
        };
        self.0 |= entered.0;
    }

    /// Whether packets that come in at a port may be some that have entered the pod behind it.
    pub(super) fn from(self, port: HookId, hooks: &Hooks) -> bool {
        hooks.leads_into(port).is_some_and(|scope| self.0 & Self::of(scope).0 != 0)
    }
}

/// Whether a hook's packets are other ones than the lead's: both come in from pods, to different switches, and none was seen to enter
/// either pod. To enter one, a packet passes a port that leads there, or another interface of the pod, and each of these has a hook.
pub(super) fn are_apart(lead: &Lead, tally: &Tally, hooks: &Hooks) -> bool {
    let ports = [lead.hook, tally.hook];
    let [one, other] = ports.map(|id| hooks.get(id));
    let pods = ports.map(|id| hooks.leads_into(id));
    let is_whole = |pod: &Option<u32>| {
        pod.and_then(|scope| hooks.whole_since(scope)).is_some_and(|moment| moment <= tally.first)
    };
    [one, other].into_iter().all(|hook| is_port(hook) && hook.direction == Direction::Ingress)
        && one.switch != other.switch
        && pods[0] != pods[1]
        && pods.iter().all(is_whole)
        && ports.into_iter().all(|port| !lead.entered.from(port, hooks))
}

/// Whether it is a pod's port of a switch of the agent's namespace, and not one that a process holds.
fn is_port(hook: &Hook) -> bool {
    hook.scope == OWN_SCOPE && hook.role == Role::PodPort && hook.switch.is_some_and(|switch| switch != 0)
}
