//! Who opened connections, by the entries of all zones of connection tracking: a question names one zone, and only a list tells
//! which there are.
//!
//! A list goes through the table of the whole machine, so it is asked for seldom, and answers all flows that wait. Of its entries no
//! more is kept than what they say of these.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::conntrack::Entry;
use crate::flow::Tuple;

/// A list has at most a hundredth of the time, for each namespace.
const PACE: u32 = 100;
/// Where one found no zones, there are none so soon.
const WITHOUT_ZONES: Duration = Duration::from_mins(1);

/// What the zones of one network namespace say of the connections that are asked for.
#[derive(Debug, Default)]
pub(super) struct Zones {
    /// By the lesser of a connection's two tuples.
    said: HashMap<Tuple, Said, foldhash::fast::RandomState>,
    last: Option<List>,
}

#[derive(Clone, Copy, Debug)]
struct List {
    ended: Instant,
    took: Duration,
    has_zones: bool,
}

/// What entries said of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    Nothing,
    /// Who opened it.
    Opener(Tuple),
    /// Different things: connections of equal addresses and ports.
    Contradiction,
}

/// What is known of who opened a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// The tuple of the packets that the side sends which opened it.
    By(Tuple),
    /// Nothing.
    Unknown,
    /// It may be known after the next list of entries.
    Later,
}

impl Zones {
    /// Whether a list may be asked for. `urgent` if there is no later.
    pub(super) fn are_due(&self, urgent: bool) -> bool {
        let Some(List { ended, took, has_zones }) = self.last else { return true };
        let pause = took * PACE;
        let pause = if has_zones { pause } else { pause.max(WITHOUT_ZONES) };
        (urgent && has_zones) || ended.elapsed() >= pause
    }

    /// How many connections it was told to look for.
    pub(super) fn wanted(&self) -> usize {
        self.said.len()
    }

    /// Has the next list looked through for this connection.
    pub(super) fn want(&mut self, packets: &Tuple) {
        if let Some(key) = key(packets) {
            self.said.insert(key, Said::Nothing);
        }
    }

    /// Looks for what is wanted in the list that `read` gives, entry by entry.
    ///
    /// # Errors
    /// Those of `read`; then no zones are known.
    pub(super) fn list<E>(
        &mut self,
        read: impl FnOnce(&mut dyn FnMut(&Entry)) -> Result<(), E>,
    ) -> Result<(), E> {
        let begin = Instant::now();
        let mut has_zones = false;
        let read = read(&mut |entry| {
            has_zones |= entry.is_in_zone;
            self.add(entry);
        });
        let ended = Instant::now();
        self.last = Some(List { ended, took: ended - begin, has_zones: has_zones && read.is_ok() });
        if read.is_err() {
            self.forget();
        }
        read
    }

    /// Takes a table for one without zones, which is too long to be listed.
    pub(super) fn skip(&mut self) {
        self.forget();
        self.last = Some(List { ended: Instant::now(), took: Duration::ZERO, has_zones: false });
    }

    /// What the last list said; `None` if it is to be asked for otherwise, where there are no other zones.
    pub(super) fn opening(&mut self, packets: &Tuple) -> Option<Opening> {
        let has_zones = self.last.is_some_and(|last| last.has_zones);
        match self.said.remove(&key(packets)?) {
            Some(Said::Opener(opener)) => Some(Opening::By(opener)),
            Some(Said::Contradiction) => Some(Opening::Unknown),
            // A list may miss what comes meanwhile.
            Some(Said::Nothing) => None,
            None => has_zones.then_some(Opening::Later),
        }
    }

    /// Gives back the memory of answers.
    pub(super) fn forget(&mut self) {
        self.said = HashMap::default();
    }

    fn add(&mut self, entry: &Entry) {
        for opener in entry.openers() {
            let Some(said) = key(&opener).and_then(|key| self.said.get_mut(&key)) else { continue };
            *said = match *said {
                Said::Nothing => Said::Opener(opener),
                Said::Opener(other) if other == opener => continue,
                Said::Opener(_) | Said::Contradiction => Said::Contradiction,
            };
        }
    }
}

fn key(packets: &Tuple) -> Option<Tuple> {
    Some(packets.reverse()?.min(*packets))
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::super::conntrack::tests::packets;
    use super::*;

    fn back() -> Tuple {
        packets().reverse().unwrap()
    }

    fn plain(opener: Tuple, is_in_zone: bool) -> Entry {
        Entry { original: opener, reply: opener.reverse().unwrap(), is_in_zone }
    }

    fn listed(entries: &[Entry]) -> Zones {
        let mut zones = Zones::default();
        zones.want(&back());
        zones
            .list(|take| {
                entries.iter().for_each(take);
                Ok::<_, Infallible>(())
            })
            .unwrap();
        zones
    }

    #[test]
    fn zones_that_agree_tell_and_zones_that_contradict_do_not() {
        let [there, back] = [packets(), back()];
        let mut zones = listed(&[plain(there, true), plain(there, true)]);
        assert_eq!(zones.opening(&back), Some(Opening::By(there)));
        for in_default in [plain(back, false), plain(back, true)] {
            let mut zones = listed(&[plain(there, true), in_default, plain(there, true)]);
            assert_eq!(zones.opening(&there), Some(Opening::Unknown));
        }
    }

    #[test]
    fn both_sides_of_a_translation_are_found() {
        let before = Tuple { destination: "::ffff:192.0.2.1".parse().unwrap(), ..packets() };
        let entry = Entry { original: before, reply: back(), is_in_zone: true };
        assert_eq!(listed(&[entry]).opening(&packets()), Some(Opening::By(packets())));
        let mut zones = Zones::default();
        zones.want(&before.reverse().unwrap());
        zones.add(&entry);
        assert_eq!(zones.opening(&before), Some(Opening::By(before)));
    }

    #[test]
    fn what_was_not_looked_for_waits_only_where_there_are_zones() {
        let other = Tuple { source_port: Some(50_003), ..packets() };
        assert_eq!(listed(&[plain(other, true)]).opening(&other), Some(Opening::Later));
        assert_eq!(listed(&[plain(other, false)]).opening(&other), None);
        assert_eq!(listed(&[plain(other, true)]).opening(&packets()), None, "looked for, and not found");
        let mut zones = listed(&[plain(other, true)]);
        zones.skip();
        assert_eq!(zones.opening(&other), None);
    }

    #[test]
    fn lists_are_paced() {
        let mut zones = listed(&[plain(packets(), true)]);
        let ago = |time| Instant::now().checked_sub(time).unwrap();
        let second = Duration::from_secs(1);
        zones.last = Some(List { ended: ago(second), took: second, has_zones: true });
        assert!(!zones.are_due(false) && zones.are_due(true));
        zones.last = Some(List { ended: ago(second * 100), took: second, has_zones: true });
        assert!(zones.are_due(false));
        zones.last = Some(List { ended: ago(second), took: Duration::ZERO, has_zones: false });
        assert!(!zones.are_due(false) && !zones.are_due(true));
        zones.last = Some(List { ended: ago(WITHOUT_ZONES), took: Duration::ZERO, has_zones: false });
        assert!(zones.are_due(false));
    }

    #[test]
    fn a_list_that_fails_says_nothing() {
        let mut zones = Zones::default();
        zones.want(&packets());
        let read = zones.list(|take| {
            take(&plain(packets(), true));
            Err(())
        });
        assert!(read.is_err());
        assert_eq!(zones.opening(&packets()), None);
    }
}
