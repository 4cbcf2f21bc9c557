//! Loads the kernel programs and makes their maps.

use std::hash::{BuildHasher, RandomState};
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::thread;

use abi::maps::{
    AWAITED, BUCKETS_GLOBAL, BYTES, DROP_LAYOUT_GLOBAL, DROP_NAMESPACES_GLOBAL, DROPS, ENTRIES,
    ENTRIES_GLOBAL, FILTER_LEN_GLOBAL, FILTER_RULES_GLOBAL, HASH_KEY_GLOBAL, INDEX, LOSS_SLOTS,
    LOSS_SLOTS_GLOBAL, LOSSES, NO_DROPS_GLOBAL, PAYLOADS, PAYLOADS_GLOBAL, REPLAY_GLOBAL, SAMPLE_GLOBAL,
    SCOPE, TCP_QUALITY, TCP_QUALITY_GLOBAL, TIMINGS,
};
use abi::{Batch, Direction, FilterRule};
use aya::maps::{Array, MapData};
use aya::programs::{ProgramError, SchedClassifier};
use aya::{Ebpf, EbpfError, EbpfLoader};
use packet::Link;

use crate::cause::cause;
use crate::kernel::drops::{DropReader, DropsError, Layout};
use crate::kernel::filter::Filter;
use crate::kernel::frames::Frames;
use crate::kernel::loss_slots::SlotCount;
use crate::kernel::object;
use crate::kernel::reader::{ReadError, Reader};
use crate::kernel::share::{Share, ShareError};
use crate::kernel::sizes::Sizes;
use crate::kernel::sys::GracePeriod;

/// Where the kernel describes its types.
const SYS: &str = "/sys";

/// The loaded programs and the way to what they count.
pub struct Loaded {
    /// To be attached.
    pub programs: Programs,
    /// To be read.
    pub reader: Reader,
}

/// One program for each kind of device and direction. They stay loaded as long as this value or a hook of theirs lives.
#[derive(Debug)]
pub struct Programs {
    ethernet: [OwnedFd; 2],
    ip: [OwnedFd; 2],
}

impl Programs {
    /// The program for the hooks of a device in a direction.
    #[must_use]
    pub fn fd(&self, link: Link, direction: Direction) -> BorrowedFd<'_> {
        let programs = match link {
            Link::Ethernet => &self.ethernet,
            Link::Ip => &self.ip,
        };
        programs[direction as usize].as_fd()
    }
}

/// Why the kernel programs cannot run.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The kernel refuses a map or the object.
    #[error("the kernel refuses the maps of the flow programs, of a size that --memory chooses: {}", cause(.0))]
    Maps(#[source] EbpfError),
    /// The kernel refuses a program.
    #[error("the kernel refuses the flow program {name}: {source}")]
    Program {
        /// The program's name.
        name: &'static str,
        /// The kernel's answer, with the verifier's log.
        source: ProgramError,
    },
    /// The object is not the one this program was built with.
    #[error("the embedded kernel object has no {0}")]
    Missing(&'static str),
    /// No thread to load a program from.
    #[error("cannot start a thread to load a flow program: {0}")]
    Thread(#[source] io::Error),
    /// A descriptor cannot be kept.
    #[error("cannot keep the descriptor of a flow program: {0}")]
    Descriptor(#[source] io::Error),
    /// Without their number, there is no knowing how much room the CPUs need.
    #[error("cannot find out how many CPUs there can be: {0}")]
    Cpus(#[source] io::Error),
    /// The maps cannot be shared with the programs of other network namespaces.
    #[error(transparent)]
    Share(#[from] ShareError),
    /// The maps cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// Loads the programs for the hooks of one network namespace.
///
/// # Errors
/// [`LoadError`], most often for want of CAP_BPF and CAP_NET_ADMIN, or of memory for the maps.
pub fn load(scope: u32, sizes: Sizes, filter: &Filter, grace: GracePeriod) -> Result<Loaded, LoadError> {
    let constants = Constants::new(sizes, filter)?;
    let drops = sizes.drops.then(|| Layout::read(Path::new(SYS)));
    let layout = drops.as_ref().and_then(|layout| layout.as_ref().ok());
    let (mut ebpf, spare) = instance(&constants, &[], Packets::OfHooks, layout)?;
    let programs = spare.of(scope)?;
    Ok(Loaded { programs, reader: reader(&mut ebpf, &constants, grace, drops)? })
}

/// Loads the programs for the hooks of one network namespace, and gives what loads those of others, which write to the same maps.
///
/// # Errors
/// [`LoadError`], also for want of CAP_SYS_ADMIN.
pub fn load_shared(
    scope: u32,
    sizes: Sizes,
    filter: &Filter,
    grace: GracePeriod,
) -> Result<(Loaded, Sharing), LoadError> {
    let sharing = Sharing { constants: Constants::new(sizes, filter)?, share: Share::new()? };
    let drops = sizes.drops.then(|| Layout::read(Path::new(SYS)));
    let layout = drops.as_ref().and_then(|layout| layout.as_ref().ok());
    let paths = sharing.share.paths();
    let (mut ebpf, spare) = instance(&sharing.constants, &paths, Packets::OfHooks, layout)?;
    let programs = spare.of(scope)?;
    Ok((Loaded { programs, reader: reader(&mut ebpf, &sharing.constants, grace, drops)? }, sharing))
}

/// Reads the maps, and has dropped packets counted or knows why not: flows do not need them.
fn reader(
    ebpf: &mut Ebpf,
    constants: &Constants,
    grace: GracePeriod,
    drops: Option<Result<Layout, DropsError>>,
) -> Result<Reader, LoadError> {
    // First: a program that is not loaded yet names its maps by descriptors, of which the reader closes some.
    let drops = drops.map(|layout| layout.and_then(|layout| DropReader::attach(ebpf, layout)));
    let reader = Reader::new(ebpf, constants.sizes, constants.slots, grace)?;
    Ok(match drops {
        Some(drops) => reader.with_drops(drops),
        None => reader,
    })
}

/// Loads programs for further network namespaces. Each knows its scope, and all write to the same maps.
#[derive(Debug)]
pub struct Sharing {
    constants: Constants,
    share: Share,
}

impl Sharing {
    /// The programs for the hooks of a network namespace.
    ///
    /// # Errors
    /// [`LoadError`].
    pub fn programs(&self, scope: u32) -> Result<Programs, LoadError> {
        self.spare()?.of(scope)
    }

    /// Programs for a network namespace that is not known yet.
    pub(super) fn spare(&self) -> Result<Spare, LoadError> {
        let paths = self.share.paths();
        instance(&self.constants, &paths, Packets::OfHooks, None).map(|(_, spare)| spare)
    }
}

/// Programs that are loaded, and not of any network namespace yet.
pub(super) struct Spare {
    programs: Programs,
    /// What they take for its number.
    scope: Array<MapData, u32>,
}

impl Spare {
    /// Makes them those of a network namespace.
    pub(super) fn of(mut self, scope: u32) -> Result<Programs, LoadError> {
        self.scope.set(0, scope, 0).map_err(|error| LoadError::Maps(error.into()))?;
        Ok(self.programs)
    }
}

/// Loads the programs for frames of a capture.
///
/// # Errors
/// As [`load`].
pub fn load_for_replay(sizes: Sizes, filter: &Filter) -> Result<Frames, LoadError> {
    let constants = Constants::new(sizes, filter)?;
    let (mut ebpf, spare) = instance(&constants, &[], Packets::OfCapture, None)?;
    // A frame says where it was seen.
    let programs = spare.of(0)?;
    let reader = Reader::new(&mut ebpf, sizes, constants.slots, GracePeriod::Unneeded)?;
    Ok(Frames::new(&mut ebpf, programs, reader)?)
}

/// What is alike in all instances that write to the same maps.
#[derive(Debug)]
struct Constants {
    sizes: Sizes,
    slots: SlotCount,
    /// The index is one, so it is hashed in one way.
    hash_key: [u32; 10],
    /// How many of the rules there are.
    filter_len: u32,
    rules: Vec<FilterRule>,
    /// Of so many flows, one is counted.
    sample: u32,
}

impl Constants {
    fn new(sizes: Sizes, filter: &Filter) -> Result<Self, LoadError> {
        let mut rules = filter.compile();
        let filter_len = u32::try_from(rules.len()).unwrap_or(u32::MAX).min(FilterRule::MAX);
        rules.resize(FilterRule::MAX as usize, FilterRule::EVERY);
        let slots = if filter.is_everything() {
            SlotCount::NONE
        } else {
            SlotCount::of_this_machine().map_err(LoadError::Cpus)?
        };
        Ok(Self { sizes, slots, hash_key: hash_key(), filter_len, rules, sample: filter.sample().get() })
    }
}

/// Where the programs' packets come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Packets {
    /// Devices.
    OfHooks,
    /// Of a capture, which says when and where they were, and how long.
    OfCapture,
}

/// Programs for received and sent frames of Ethernet devices, and for received and sent packets of others, which count them all.
const ONE_FOR_ALL: [&str; 4] = ["ethernet_ingress", "ethernet_egress", "ip_ingress", "ip_egress"];
/// Those that count what a filter says.
const FILTERED: [&str; 4] =
    ["ethernet_ingress_filtered", "ethernet_egress_filtered", "ip_ingress_filtered", "ip_egress_filtered"];
/// Those that take frames of a capture, which does not say in which direction they went.
const OF_CAPTURE: [&str; 4] = ["ethernet_captured", "ethernet_captured", "ip_captured", "ip_captured"];

/// Maps that have a path are those that are there, or made there. The program for dropped packets is one for all instances: that with
/// a `layout`.
fn instance(
    constants: &Constants,
    paths: &[(&'static str, PathBuf)],
    packets: Packets,
    layout: Option<&Layout>,
) -> Result<(Ebpf, Spare), LoadError> {
    let Constants { sizes, slots, hash_key, filter_len, rules, sample } = constants;
    let (buckets, slots_per_generation) = (sizes.buckets(), slots.per_generation());
    let payloads = u32::from(sizes.payload_bytes != 0);
    let replay = u32::from(packets == Packets::OfCapture);
    let frames = if packets == Packets::OfCapture { Batch::MOST_FRAMES } else { 1 };
    let tcp_quality = u32::from(sizes.tcp_quality);
    let mut loader = EbpfLoader::new();
    loader
        .override_global(REPLAY_GLOBAL, &replay, true)
        .override_global(PAYLOADS_GLOBAL, &payloads, true)
        .override_global(TCP_QUALITY_GLOBAL, &tcp_quality, true)
        .override_global(ENTRIES_GLOBAL, &sizes.observations, true)
        .override_global(BUCKETS_GLOBAL, &buckets, true)
        .override_global(HASH_KEY_GLOBAL, &hash_key[..], true)
        .override_global(LOSS_SLOTS_GLOBAL, &slots_per_generation, true)
        .override_global(FILTER_LEN_GLOBAL, filter_len, true)
        .override_global(FILTER_RULES_GLOBAL, &rules[..], true)
        .override_global(SAMPLE_GLOBAL, sample, true)
        .map_max_entries(BYTES, frames)
        .map_max_entries(ENTRIES, sizes.entries_in_map())
        .map_max_entries(TCP_QUALITY, sizes.tcp_quality_in_map())
        .map_max_entries(TIMINGS, sizes.timings())
        .map_max_entries(INDEX, sizes.buckets_in_map())
        .map_max_entries(PAYLOADS, sizes.payload_bytes.max(1))
        .map_max_entries(AWAITED, sizes.awaited())
        .map_max_entries(LOSSES, sizes.losses)
        .map_max_entries(LOSS_SLOTS, slots.in_map());
    let no_drops = layout.map(Layout::no_drops);
    // Where there is one namespace, it says nothing.
    let drop_namespaces = u32::from(!paths.is_empty());
    if let Some((layout, no_drops)) = layout.zip(no_drops.as_ref()) {
        loader
            .override_global(DROP_LAYOUT_GLOBAL, &layout.offsets()[..], true)
            .override_global(DROP_NAMESPACES_GLOBAL, &drop_namespaces, true)
            .override_global(NO_DROPS_GLOBAL, &no_drops[..], true);
        for map in DROPS {
            loader.map_max_entries(map, sizes.drops_in_map());
        }
    }
    for (map, path) in paths {
        loader.map_pin_path(map, path.as_path());
    }
    let mut ebpf = loader.load(object::bytes()).map_err(LoadError::Maps)?;
    let names = match packets {
        Packets::OfHooks if *slots == SlotCount::NONE => ONE_FOR_ALL,
        Packets::OfHooks => FILTERED,
        Packets::OfCapture => OF_CAPTURE,
    };
    verify(&mut ebpf, names)?;
    let [ethernet_ingress, ethernet_egress, ip_ingress, ip_egress] = names;
    let scope = ebpf.take_map(SCOPE).ok_or(LoadError::Missing(SCOPE))?;
    let scope = Array::try_from(scope).map_err(|error| LoadError::Maps(error.into()))?;
    let fd = |name| descriptor(&ebpf, name);
    let programs = Programs {
        ethernet: [fd(ethernet_ingress)?, fd(ethernet_egress)?],
        ip: [fd(ip_ingress)?, fd(ip_egress)?],
    };
    Ok((ebpf, Spare { programs, scope }))
}

/// Has the kernel verify and compile the programs: all at once, because that takes longer than everything else of the start.
fn verify(ebpf: &mut Ebpf, names: [&'static str; 4]) -> Result<(), LoadError> {
    thread::scope(|scope| {
        let mut threads = Vec::new();
        for (name, program) in ebpf.programs_mut() {
            let Some(&name) = names.iter().find(|wanted| **wanted == name) else { continue };
            let program: &mut SchedClassifier = program.try_into().map_err(|_| LoadError::Missing(name))?;
            let load = move || verify_one(program).map_err(|source| LoadError::Program { name, source });
            let thread = thread::Builder::new().name("load".to_owned());
            threads.push(thread.spawn_scoped(scope, load).map_err(LoadError::Thread)?);
        }
        // A panic goes on here.
        threads.into_iter().try_for_each(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic)))
    })
}

/// A signal ends the verifier's work, which is to begin anew then; as often as libbpf does (`bpf_prog_load`).
fn verify_one(program: &mut SchedClassifier) -> Result<(), ProgramError> {
    const ATTEMPTS: usize = 5;
    for _ in 1..ATTEMPTS {
        match program.load() {
            Err(ProgramError::LoadError { io_error, .. }) if io_error.kind() == ErrorKind::WouldBlock => {}
            loaded => return loaded,
        }
    }
    program.load()
}

/// SipHash with a key of the operating system's.
fn hash_key() -> [u32; 10] {
    let secret = RandomState::new();
    std::array::from_fn(|word| (secret.hash_one(word) >> 32) as u32)
}

fn descriptor(ebpf: &Ebpf, name: &'static str) -> Result<OwnedFd, LoadError> {
    let program = ebpf.program(name).ok_or(LoadError::Missing(name))?;
    let fd = program.fd().map_err(|source| LoadError::Program { name, source })?;
    fd.as_fd().try_clone_to_owned().map_err(LoadError::Descriptor)
}
