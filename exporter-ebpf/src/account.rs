//! Adds a packet to its observation.
//!
//! A generation has a list of entries, which only grows, and an index of buckets that says where a key's entry is. A packet
//! costs no call: its key's hash leads to a bucket, a place in it to the entry. The kernel's own hash map would be two calls, and
//! compares and hashes byte by byte.
//!
//! Neither map needs a lock. An entry is written by the CPU in its key alone, and programs of a hook do not interrupt each
//! other there; so no addition is atomic either. Two CPUs that write a bucket at once can lose one of two places: then that
//! key gets a second entry with its next packet, and user space adds the two up, as it does with those of two CPUs. So what is
//! counted does not depend on the index.

use core::arch::asm;

use abi::captured::outcome;
use abi::{Bucket, Entry, PackedKey, control, place};
use aya_ebpf::bindings::__sk_buff;
use aya_ebpf::programs::TcContext;
use packet::{Packet, Wire};

use crate::entry::Shown;
use crate::globals::constant;
use crate::maps::{CONTROL, ENTRIES, INDEX, TAKEN};
use crate::{clock, entry, hash, headers, losses, quality, replay};

/// Of a bucket.
const PLACES: usize = Bucket::PLACES as usize;

/// Set by user space before the program is loaded, with the size of [`ENTRIES`].
#[unsafe(no_mangle)]
static ENTRIES_PER_GENERATION: u32 = 0;

/// Set by user space before the program is loaded, with the size of [`INDEX`].
#[unsafe(no_mangle)]
static BUCKETS_PER_GENERATION: u32 = 0;

/// Where a packet was counted: the number of its entry within [`ENTRIES`], and above it what was found. In one word, because
/// a function of a kernel program gives back one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counted(u32);

impl Counted {
    /// There is no entry.
    const UNCOUNTED: u32 = 1 << 31;
    /// The packet is the first of its timer tick.
    const NEW_TICK: u32 = 1 << 30;
    /// It shows something that no packet of the entry did before. The numbers of entries end below.
    const NOTABLE: u32 = 1 << 29;
    /// It found none.
    const NOWHERE: Self = Self(Self::UNCOUNTED);
    /// It is to be counted later: see [`replay`].
    pub(crate) const HELD: Self = Self(Self::UNCOUNTED | Self::NOTABLE);

    /// The first of its entry.
    #[inline(always)]
    pub(crate) fn first(number: u32) -> Self {
        Self(number | Self::NEW_TICK | Self::NOTABLE)
    }

    #[inline(always)]
    pub(crate) fn later(number: u32, shown: Shown) -> Self {
        let tick = if shown.is_new_tick { Self::NEW_TICK } else { 0 };
        let notable = if shown.is_notable { Self::NOTABLE } else { 0 };
        Self(number | tick | notable)
    }

    /// What [`word`](Self::word) gave.
    #[inline(always)]
    pub(crate) fn of(word: u32) -> Self {
        Self(word)
    }

    /// To be handed to a global function, which takes no structures.
    #[inline(always)]
    pub(crate) fn word(self) -> u32 {
        self.0
    }

    #[inline(always)]
    pub(crate) fn number(self) -> u32 {
        self.0 & (Self::NOTABLE - 1)
    }

    #[inline(always)]
    fn is_somewhere(self) -> bool {
        self.0 & Self::UNCOUNTED == 0
    }

    /// What became of a frame of a capture.
    #[inline(always)]
    pub(crate) fn outcome(self) -> u32 {
        match self {
            Self::NOWHERE => outcome::LEFT_OUT,
            Self::HELD => outcome::HELD,
            counted => counted.number(),
        }
    }

    /// The entry again, for what is seldom.
    #[inline(always)]
    pub(crate) fn entry<'a>(self) -> Option<&'a mut Entry> {
        // SAFETY: the map gave it out to this CPU, and no reference to it is left.
        ENTRIES.get_ptr_mut(self.number()).map(|entry| unsafe { &mut *entry })
    }

    #[inline(always)]
    pub(crate) fn is_new_tick(self) -> bool {
        self.0 & Self::NEW_TICK != 0
    }

    /// The packet is the first of its timer tick, or shows something new: one test for both.
    #[inline(always)]
    pub(crate) fn is_new_tick_or_notable(self) -> bool {
        self.0 & (Self::NEW_TICK | Self::NOTABLE) != 0
    }

    #[inline(always)]
    pub(crate) fn is_notable(self) -> bool {
        self.0 & Self::NOTABLE != 0
    }
}

/// Counts a packet if its entry is where it is looked for first, and gives the entry's number within the map and what the packet showed.
/// Not one that may be of another connection than the entry.
#[inline(always)]
pub(crate) fn known<const VERSION: u8>(packet: &Packet, wire: Wire) -> Option<(u32, Shown)> {
    if packet.tcp_flags & entry::OPENS != 0 {
        return None;
    }
    let control = control();
    let key = &packet.key;
    let hash = hash::of(key);
    if let Some(bucket) = bucket(control, hash)
        && let Some(place) = place_of(bucket, home(hash), tag(hash, key))
        && let Some((entry, number)) = entry_at::<VERSION>(control, place, key)
    {
        let tick = clock::jiffies() as u16;
        return Some((number, entry::update::<0>(&mut entry.counts, &mut entry.facts, packet, wire, tick)));
    }
    None
}

/// Counts the packet that was [read](headers::parsed), or its loss: then it says why there is no entry.
#[inline(always)]
pub(crate) fn any(context: &TcContext, wire: Wire) -> Result<Counted, Counted> {
    let counted = Counted::of(count_parsed(context.skb.skb, wire.bytes, wire.packets));
    if counted.is_somewhere() { Ok(counted) } else { Err(counted) }
}

/// As [`any`], from and to words alone. Not inlined: large. Global: see [`crate`].
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn count_parsed(skb: *mut __sk_buff, bytes: u32, packets: u32) -> u32 {
    let counted = match headers::parsed() {
        Some(packet) => search(&TcContext::new(skb), packet, Wire { bytes, packets }),
        None => Counted::NOWHERE, // Cannot be: each CPU has its place.
    };
    counted.word()
}

/// Finds the key's entry wherever in its bucket it is, or makes one. Another connection of the same addresses and ports gets an entry of
/// its own, in the same place: so both are told apart, and what the first one's entry has is read as any other.
#[inline(always)]
fn search(context: &TcContext, packet: &Packet, wire: Wire) -> Counted {
    // Not the fast way's: user space may have turned it meanwhile, and either is right.
    let control = control();
    let key = &packet.key;
    let hash = hash::of(key);
    let Some(bucket) = bucket(control, hash) else {
        return Counted::NOWHERE; // Cannot be: the number is below the map's size.
    };
    let tag = tag(hash, key);
    let opening = entry::opening(context, packet);
    // A full bucket forgets the place that the key would rather have.
    let mut free = home(hash);
    for step in 0..PLACES {
        let at = (home(hash) + step) % PLACES;
        let place = read(bucket, at);
        if place == 0 {
            free = at;
            break;
        }
        if place::has_tag(place, tag)
            && let Some((entry, number)) = entry_at::<0>(control, place, key)
        {
            if replay::is_on() {
                return replay::add(context, (entry, number), packet, wire, opening);
            }
            if opening.is_of_another(entry) {
                free = at;
                break;
            }
            let tick = clock::jiffies() as u16;
            return Counted::later(number, entry::add(entry, packet, wire, tick, opening));
        }
    }
    let Some((entry, number)) = take(control::generation(control)) else {
        losses::overflow(key, wire);
        return Counted::NOWHERE;
    };
    entry.words = key.words;
    entry.kind = key.kind;
    entry::begin(entry, context, packet, wire, opening);
    // SAFETY: a place of the bucket that the map gave out. Other CPUs write it too, a word at a time.
    unsafe { bucket.cast::<u64>().add(free).write_volatile(tag | u64::from(number)) };
    let counted = Counted::first(control::generation(control) * constant(&ENTRIES_PER_GENERATION) + number);
    let before = if replay::is_on() { number_before(key, hash) } else { None };
    quality::begin(key, counted, before);
    counted
}

/// The number within the map of the entry that the other generation has of a key.
#[inline(always)]
fn number_before(key: &PackedKey, hash: u64) -> Option<u32> {
    // The generation is the lowest bit.
    let control = control() ^ 1;
    let (bucket, tag) = (bucket(control, hash)?, tag(hash, key));
    for at in 0..PLACES {
        let place = read(bucket, at);
        if place::has_tag(place, tag)
            && let Some((_, number)) = entry_at::<0>(control, place, key)
        {
            return Some(number);
        }
    }
    None
}

/// What user space says, in one piece.
#[inline(always)]
pub(crate) fn control() -> u64 {
    // SAFETY: the map gave out the word. It is read once, because user space may write it meanwhile.
    CONTROL.get_ptr(0).map_or(0, |word| unsafe { word.read_volatile() })
}

/// Where in its bucket a key is looked for first.
#[inline(always)]
fn home(hash: u64) -> usize {
    hash as usize % PLACES
}

#[inline(always)]
fn tag(hash: u64, key: &PackedKey) -> u64 {
    place::tag(hash, key.cpu)
}

#[inline(always)]
fn read(bucket: *mut Bucket, at: usize) -> u64 {
    // SAFETY: a place of the bucket that the map gave out. Other CPUs write it too, a word at a time.
    unsafe { bucket.cast::<u64>().add(at).read_volatile() }
}

/// The first of two places that has the tag: all of them would be a loop, and where an index is half full, three of four keys are
/// at home, and most others next to it.
#[inline(always)]
fn place_of(bucket: *mut Bucket, home: usize, tag: u64) -> Option<u64> {
    let place = read(bucket, home);
    if place::has_tag(place, tag) {
        return Some(place);
    }
    let place = read(bucket, (home + 1) % PLACES);
    place::has_tag(place, tag).then_some(place)
}

#[inline(always)]
fn bucket(control: u64, hash: u64) -> Option<*mut Bucket> {
    let within = ((hash >> 32) * u64::from(control::buckets(control))) >> 32;
    INDEX.get_ptr_mut(control::generation(control) * constant(&BUCKETS_PER_GENERATION) + within as u32)
}

/// The entry at a place, if it is the key's, and its number within the map. `VERSION` is that of the key's packet, or 0 where it is not
/// known.
#[inline(always)]
fn entry_at<'a, const VERSION: u8>(
    control: u64,
    place: u64,
    key: &PackedKey,
) -> Option<(&'a mut Entry, u32)> {
    let number = control::generation(control) * constant(&ENTRIES_PER_GENERATION) + place::number(place);
    let entry = ENTRIES.get_ptr_mut(number)?;
    // SAFETY: the place's tag says that the entry is this CPU's.
    let entry = unsafe { &mut *entry };
    let is_same = if VERSION == 4 { key.is_ipv4_of(entry) } else { key.is_of(entry) };
    is_same.then_some((entry, number))
}

/// An entry that nobody has, and its number within the generation.
#[inline(always)]
fn take<'a>(generation: u32) -> Option<(&'a mut Entry, u32)> {
    let taken = TAKEN.get_ptr_mut(generation)?;
    let entries = constant(&ENTRIES_PER_GENERATION);
    // SAFETY: the map gave out the counter. It is read first, or else CPUs without hope would pass its cache line around.
    let number = unsafe {
        let counter = &raw mut (*taken).entries;
        if counter.read_volatile() >= u64::from(entries) {
            return None;
        }
        next(counter)
    };
    if number >= u64::from(entries) {
        return None;
    }
    let entry = ENTRIES.get_ptr_mut(generation * entries + number as u32)?;
    // SAFETY: nobody else has been given this number.
    Some((unsafe { &mut *entry }, number as u32))
}

/// The counter's value, which this raises by one. The target has no `AtomicU64::fetch_add`.
///
/// # Safety
/// `counter` has to lie in a map value.
#[inline(always)]
unsafe fn next(counter: *mut u64) -> u64 {
    let mut value = 1_u64;
    // SAFETY: see above.
    unsafe {
        asm!(
            "{value} = atomic_fetch_add((u64 *)({counter} + 0), {value})",
            value = inout(reg) value,
            counter = in(reg) counter,
        );
    }
    value
}
