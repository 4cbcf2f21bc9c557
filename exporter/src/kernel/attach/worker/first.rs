//! The first pass: over the interfaces that were there at the start.

use super::Worker;
use crate::kernel::attach::attacher::Summary;

impl Worker {
    /// Hooks what was there, unless it is to stop.
    pub(in crate::kernel::attach) fn first_pass(&mut self) -> Summary {
        let mut summary = Summary::default();
        match self.hooker.has_left_overs() {
            Ok(was_killed) => summary.was_killed = was_killed,
            Err(error) => tracing::debug!("cannot tell how the last run ended: {error}"),
        }
        for ifindex in self.pending.clone() {
            // What goes wrong with it is told when it is followed.
            let _ = self.look();
            if self.is_stopped() {
                return summary;
            }
            if !self.pending.remove(&ifindex) {
                continue;
            }
            let Some(interface) = self.interfaces.get(&ifindex).cloned() else { continue };
            match self.settle(&interface) {
                Ok(failed) if failed.is_empty() => {
                    if self.is_hooked(ifindex) {
                        summary.attached.push(interface.name);
                    }
                }
                Ok(failed) => summary.failed.extend(failed),
                Err(skip) => summary.skipped.push((interface.name, skip)),
            }
        }
        let attached = &self.attached;
        match self.hooker.sweep(|ifindex, direction| attached.contains_key(&(ifindex, direction))) {
            Ok(removed) => summary.swept = removed,
            Err(error) => tracing::warn!("cannot look for clsact filters that were left behind: {error}"),
        }
        self.tell_whole(self.pending.is_empty() && self.is_whole());
        summary.mechanism = self.hooker.mechanism();
        if let Some(label) = &self.label
            && !summary.attached.is_empty()
        {
            tracing::info!("attached to {} in {label}", summary.attached.join(", "));
        }
        self.say_if_nothing_matches();
        summary
    }
}
