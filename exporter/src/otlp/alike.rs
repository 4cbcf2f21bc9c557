//! Attributes that many records have alike, such as the hooks of a way, as bytes: they are encoded once and then copied.

use std::hash::BuildHasher;

/// What is kept: a node has few ways that most of its packets take. With paths of four hops it is below 100 KiB.
const PLACES: usize = 64;

/// Encoded attributes, by a key of what they depend on. What is new takes the place of another.
#[derive(Debug)]
pub(super) struct Alike {
    /// Each is at the place that its hash says.
    places: Box<[Kept]>,
    hasher: foldhash::fast::RandomState,
    /// What was looked for last, and its place.
    key: Vec<u8>,
    place: usize,
}

#[derive(Clone, Debug, Default)]
struct Kept {
    /// Empty if nothing is kept.
    key: Vec<u8>,
    bytes: Vec<u8>,
}

impl Default for Alike {
    fn default() -> Self {
        Self {
            places: vec![Kept::default(); PLACES].into(),
            hasher: foldhash::fast::RandomState::default(),
            key: Vec::new(),
            place: 0,
        }
    }
}

impl Alike {
    /// The attributes of the key that `write` writes, which is not empty, if they are kept.
    pub(super) fn find(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Option<&[u8]> {
        self.key.clear();
        write(&mut self.key);
        #[expect(clippy::cast_possible_truncation, reason = "the remainder is below the number of places")]
        let place = (self.hasher.hash_one(&*self.key) % PLACES as u64) as usize;
        self.place = place;
        let kept = &self.places[place];
        (kept.key == self.key).then_some(&kept.bytes)
    }

    /// Keeps the attributes of the key that was looked for last.
    pub(super) fn keep(&mut self, bytes: &[u8]) {
        let kept = &mut self.places[self.place];
        for (room, new) in [(&mut kept.key, &*self.key), (&mut kept.bytes, bytes)] {
            room.clear();
            room.extend_from_slice(new);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_found_is_what_was_kept_of_the_same() {
        let mut alike = Alike::default();
        let (mut found, mut lost) = (0, 0);
        // More than there are places.
        for number in 0..1_000_u32 {
            let key = |number: u32| move |key: &mut Vec<u8>| key.extend_from_slice(&number.to_le_bytes());
            assert_eq!(alike.find(key(number)), None);
            alike.keep(number.to_string().as_bytes());
            assert_eq!(alike.find(key(number)), Some(number.to_string().as_bytes()));
            for before in number.saturating_sub(8)..number {
                match alike.find(key(before)) {
                    Some(bytes) => {
                        assert_eq!(bytes, before.to_string().as_bytes());
                        found += 1;
                    }
                    None => lost += 1,
                }
            }
        }
        assert!(found > lost && lost > 0, "{found} {lost}");
    }
}
