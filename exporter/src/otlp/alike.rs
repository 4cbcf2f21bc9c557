//! Attributes that many records have alike, such as the hooks of a way, as bytes: they are encoded once and then copied.

use std::hash::BuildHasher;

/// What is kept: a node has few ways that most of its packets take. With paths of four hops it is below 100 KiB.
const PLACES: usize = 64;

/// Encoded attributes, by what they depend on. What is new takes the place of another.
#[derive(Debug)]
pub(super) struct Alike {
    /// Each is at the place that its hash says.
    places: Box<[Kept]>,
    hasher: foldhash::fast::RandomState,
}

#[derive(Clone, Debug, Default)]
struct Kept {
    /// Empty if nothing is kept.
    of: Vec<u8>,
    bytes: Vec<u8>,
}

impl Default for Alike {
    fn default() -> Self {
        Self { places: vec![Kept::default(); PLACES].into(), hasher: foldhash::fast::RandomState::default() }
    }
}

impl Alike {
    /// The attributes that depend on these bytes alone, which are not empty, if they are kept.
    pub(super) fn find(&self, of: &[u8]) -> Option<&[u8]> {
        let kept = &self.places[self.place(of)];
        (kept.of == of).then_some(&kept.bytes)
    }

    /// Keeps them.
    pub(super) fn keep(&mut self, of: &[u8], bytes: &[u8]) {
        let kept = &mut self.places[self.place(of)];
        for (room, new) in [(&mut kept.of, of), (&mut kept.bytes, bytes)] {
            room.clear();
            room.extend_from_slice(new);
        }
    }

    fn place(&self, of: &[u8]) -> usize {
        #[expect(clippy::cast_possible_truncation, reason = "the remainder is below the number of places")]
        let place = (self.hasher.hash_one(of) % PLACES as u64) as usize;
        place
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
            let of = |number: u32| number.to_le_bytes();
            assert_eq!(alike.find(&of(number)), None);
            alike.keep(&of(number), number.to_string().as_bytes());
            assert_eq!(alike.find(&of(number)), Some(number.to_string().as_bytes()));
            for before in number.saturating_sub(8)..number {
                match alike.find(&of(before)) {
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
