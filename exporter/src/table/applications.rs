//! What payloads say of flows, on its way to them.
//!
//! A payload may come before the observation that makes its flow. So what it says waits until the reading is over, and one more,
//! because the packet may be of the generation that is read next. What waits and what flows have of it shares a bound in bytes.

use crate::flow::{Application, Hooks, Sighting, Start, Tuple};
use crate::table::reuse::Reading;
use crate::table::{FlowTable, conversation};

/// What waits, and how much memory it takes with that of flows.
#[derive(Debug)]
pub(super) struct Applications {
    waiting: Vec<Said>,
    /// Of flows.
    bytes: usize,
    limit: usize,
    losses: Losses,
}

/// What a side began with.
#[derive(Debug)]
struct Said {
    conversation: Tuple,
    seen: Sighting,
    reading: Reading,
    start: Start,
}

/// Payloads that were read for nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// Their flow was over, or never counted.
    pub unplaced: u64,
    /// There was no memory for what they say.
    pub refused: u64,
}

impl Applications {
    pub(super) fn new(limit: usize) -> Self {
        Self { waiting: Vec::new(), bytes: 0, limit, losses: Losses::default() }
    }

    fn has_room(&self, bytes: usize) -> bool {
        self.bytes + self.waiting.len() * size_of::<Said>() + bytes <= self.limit
    }

    /// A flow is over.
    pub(super) fn release(&mut self, application: &Application) {
        self.bytes -= application.bytes();
    }
}

impl FlowTable {
    /// Takes what a side of a connection began with, for the flow that it belongs to.
    pub fn learn(&mut self, tuple: &Tuple, seen: Sighting, start: Start) {
        if !self.applications.has_room(size_of::<Said>()) {
            self.applications.losses.refused += 1;
            return;
        }
        let (conversation, _) = conversation::of(tuple);
        self.applications.waiting.push(Said { conversation, seen, reading: self.reading, start });
    }

    /// Payloads that were read for nothing, since the start.
    #[must_use]
    pub fn lost_payloads(&self) -> Losses {
        self.applications.losses
    }

    /// Gives flows what was said of them.
    pub(super) fn place_said(&mut self, hooks: &Hooks) {
        let mut waiting = std::mem::take(&mut self.applications.waiting);
        waiting.retain(|said| !self.place(said, hooks));
        self.applications.waiting = waiting;
    }

    /// Whether nothing more is to be done.
    fn place(&mut self, said: &Said, hooks: &Hooks) -> bool {
        let slot = self.flow_at(said.seen, &said.conversation, hooks);
        let applications = &mut self.applications;
        let Some(flow) = slot.map(|slot| &mut self.flows[slot]).filter(|flow| flow.had_begun(said.seen.time))
        else {
            let is_late = said.reading < self.reading;
            applications.losses.unplaced += u64::from(is_late);
            return is_late;
        };
        if flow.is_excluded() || (flow.application().is_none() && !said.start.stands_alone()) {
            return true;
        }
        let mut application = flow.application().cloned().unwrap_or_default();
        let before = flow.application().map_or(0, Application::bytes);
        application.learn(said.start.clone(), said.seen);
        let grown = application.bytes() - before.min(application.bytes());
        if applications.has_room(grown) {
            applications.bytes = applications.bytes + application.bytes() - before;
            flow.set_application(application);
        } else {
            applications.losses.refused += 1;
        }
        true
    }
}
