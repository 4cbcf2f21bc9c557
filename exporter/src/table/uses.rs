//! How often the table speaks of each hook, so that no hook is forgotten whose name a record still needs.

use crate::flow::HookId;

/// Counts by the hook's number: numbers stay small.
#[derive(Debug, Default)]
pub(super) struct Uses(Vec<u32>);

impl Uses {
    pub(super) fn add(&mut self, hook: HookId) {
        let index = hook.0 as usize;
        if self.0.len() <= index {
            self.0.resize(index + 1, 0);
        }
        self.0[index] += 1;
    }

    pub(super) fn remove(&mut self, hook: HookId) {
        self.0[hook.0 as usize] -= 1;
    }

    /// A place names another hook from now on.
    pub(super) fn change(&mut self, from: HookId, to: HookId) {
        if from != to {
            self.remove(from);
            self.add(to);
        }
    }

    pub(super) fn are_none(&self, hook: HookId) -> bool {
        self.0.get(hook.0 as usize).is_none_or(|&uses| uses == 0)
    }
}
