//! What is measured: the exporter's programs and the variants, behind one face.

use std::fs;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use abi::{Direction, PackedKey};
use anyhow::{Context, Result};
use aya::maps::{HashMap, MapData, PerCpuHashMap};
use aya::programs::SchedClassifier;
use aya::{Ebpf, EbpfLoader, Pod};
use exporter::flow::Hooks;
use exporter::kernel::{self, Filter, GracePeriod, Loaded, Sizes, attach_tcx};
use packet::Link;

/// Entries of every map, the exporter's generations included: all loads fit with room to spare.
pub(crate) const ENTRIES: u32 = 1 << 18;

/// Of a variant, which no one looks into.
type Observation = [u64; 10];

/// The variants, where `build.rs` could build them.
const OBJECT: Option<&str> = option_env!("EXPORTER_BPF_VARIANTS");

/// Name of the variant whose cost is that of the measurement.
pub(crate) const EMPTY: &str = "empty";
/// Name of the variant that the others are compared with.
pub(crate) const YARDSTICK: &str = "yardstick";
/// Name of the exporter's own programs.
pub(crate) const EXPORTER: &str = "exporter";

/// Name of the same without what it notes of TCP.
const WITHOUT_QUALITY: &str = "exporter_without_tcp_quality";
/// Name of the same with every switch off.
const COUNTING: &str = "exporter_counting";

/// Name in the kernel, and what it is.
pub(crate) const CANDIDATES: [(&str, &str); 15] = [
    (EMPTY, "empty program"),
    (YARDSTICK, "yardstick: shared HASH, 40-byte key, atomics, precise clock"),
    ("shared", "shared HASH, atomics, coarse clock"),
    ("per_cpu", "PERCPU_HASH, coarse clock"),
    ("generations", "two generations, CPU in the key"),
    ("counts", "two generations behind a cache of counts"),
    (COUNTING, "the exporter counting alone: --tcp-quality=false --facts=false"),
    (WITHOUT_QUALITY, "the exporter with --tcp-quality=false"),
    (EXPORTER, "the exporter: two generations of entries and an index"),
    ("filter/1/accept", "the exporter, 1 rule: counted"),
    ("filter/1/reject", "the exporter, 1 rule: left out"),
    ("filter/64/accept", "the exporter, 64 rules, of which the last decides: counted"),
    ("filter/64/reject", "the exporter, 64 rules, of which the last decides: left out"),
    ("sample/2", "the exporter, 1 flow in 2"),
    ("sample/4294967295", "the exporter, almost no flow"),
];

/// Of a candidate that takes a sample, one flow in how many; of one that filters, how many rules there are and what the last one says. The others look at ports that no load has.
fn filter(name: &str) -> Result<Option<Filter>> {
    if let Some(rate) = name.strip_prefix("sample/") {
        return Ok(Some(Filter::default().sampled(rate.parse()?)));
    }
    let mut parts = name.split('/').skip(1);
    let (Some(rules), Some(verdict)) = (parts.next(), parts.next()) else { return Ok(None) };
    let others = (1..rules.parse()?).map(|port| format!("reject udp port {port}"));
    let rules: Vec<String> = others.chain([verdict.to_owned()]).collect();
    Ok(Some(Filter::parse(rules.iter().map(String::as_str))?))
}

/// Whether a word chooses a candidate: it is its name, or what comes before the first `/`.
pub(crate) fn is_chosen(name: &str, word: &str) -> bool {
    name == word || name.split_once('/').is_some_and(|(group, _)| group == word)
}

/// What the kernel adds up for a program while statistics are on.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Stats {
    /// Nanoseconds.
    pub(crate) time: u64,
    /// Runs.
    pub(crate) runs: u64,
}

/// Everything loaded.
pub(crate) struct Candidates {
    variants: Ebpf,
    /// By name.
    exporters: Vec<(&'static str, Loaded)>,
    pub(crate) hooks: Hooks,
}

impl Candidates {
    /// Those of these names.
    pub(crate) fn load(names: &[(&'static str, &'static str)]) -> Result<Self> {
        let object = OBJECT.context("this build has no variants: it found no BPF toolchain")?;
        let mut loader = EbpfLoader::new();
        for map in ["YARDSTICK", "SHARED", "PER_CPU", "GENERATION_0", "COUNTS_0"] {
            loader.map_max_entries(map, ENTRIES);
        }
        let mut variants = loader.load_file(object).with_context(|| format!("cannot load {object}"))?;
        for (name, program) in variants.programs_mut() {
            let program: &mut SchedClassifier = program.try_into()?;
            program.load().with_context(|| format!("the kernel refuses the variant {name}"))?;
        }
        let mut exporters = Vec::new();
        for (name, _) in names {
            let filter = filter(name)?;
            if [EXPORTER, WITHOUT_QUALITY, COUNTING].contains(name) || filter.is_some() {
                let sizes = Sizes {
                    tcp_quality: ![WITHOUT_QUALITY, COUNTING].contains(name),
                    payload_bytes: if *name == COUNTING { 0 } else { 1 << 20 },
                    ..Sizes::of_observations(ENTRIES)
                };
                let filter = filter.unwrap_or_default();
                let loaded = kernel::load(0, sizes, &filter, GracePeriod::probe()?)?;
                exporters.push((*name, loaded));
            }
        }
        Ok(Self { variants, exporters, hooks: Hooks::default() })
    }

    /// The exporter under a name, if it is one, and the hooks that it is read with.
    pub(crate) fn exporter(&mut self, name: &str) -> Option<(&mut Loaded, &mut Hooks)> {
        let (_, loaded) = self.exporters.iter_mut().find(|(known, _)| *known == name)?;
        Some((loaded, &mut self.hooks))
    }

    /// Puts a candidate on both directions of the devices. It ends when the links are dropped.
    pub(crate) fn attach(&self, name: &str, ifindexes: &[u32]) -> Result<Vec<OwnedFd>> {
        let mut links = Vec::new();
        for &ifindex in ifindexes {
            for direction in [Direction::Ingress, Direction::Egress] {
                let link = attach_tcx(self.program(name, direction)?, ifindex, direction)
                    .with_context(|| format!("cannot attach {name}"))?;
                links.push(link);
            }
        }
        Ok(links)
    }

    /// What a candidate's programs have cost so far.
    pub(crate) fn stats(&self, name: &str) -> Result<Stats> {
        let mut sum = stats(self.program(name, Direction::Ingress)?)?;
        if name != EMPTY {
            let other = stats(self.program(name, Direction::Egress)?)?;
            sum = Stats { time: sum.time + other.time, runs: sum.runs + other.runs };
        }
        Ok(sum)
    }

    /// Empties a candidate's maps. The exporter's are emptied by reading them.
    pub(crate) fn empty(&mut self, name: &str) -> Result<()> {
        match name {
            YARDSTICK => self.empty_map::<[u64; 5], [u64; 5]>("YARDSTICK"),
            "shared" => self.empty_map::<PackedKey, Observation>("SHARED"),
            "generations" => self.empty_map::<PackedKey, Observation>("GENERATION_0"),
            "counts" => self.empty_map::<PackedKey, Observation>("COUNTS_0"),
            "per_cpu" => {
                let map = self.variants.map_mut("PER_CPU").context("no such map")?;
                let mut map: PerCpuHashMap<&mut MapData, PackedKey, Observation> = map.try_into()?;
                let keys: Vec<_> = map.keys().collect::<Result<_, _>>()?;
                keys.iter().try_for_each(|key| Ok(map.remove(key)?))
            }
            _ => Ok(()),
        }
    }

    fn empty_map<K: Pod, V: Pod>(&mut self, name: &str) -> Result<()> {
        let map = self.variants.map_mut(name).with_context(|| format!("no map {name}"))?;
        let mut map: HashMap<&mut MapData, K, V> = map.try_into()?;
        let keys: Vec<K> = map.keys().collect::<Result<_, _>>()?;
        keys.iter().try_for_each(|key| Ok(map.remove(key)?))
    }

    pub(crate) fn program(&self, name: &str, direction: Direction) -> Result<BorrowedFd<'_>> {
        if let Some((_, loaded)) = self.exporters.iter().find(|(known, _)| *known == name) {
            return Ok(loaded.programs.fd(Link::Ethernet, direction));
        }
        let suffix = match (name, direction) {
            (EMPTY, _) => "",
            (_, Direction::Ingress) => "_in",
            (_, Direction::Egress) => "_out",
        };
        let program = self.variants.program(&format!("{name}{suffix}")).context("no such program")?;
        let program: &SchedClassifier = program.try_into()?;
        Ok(program.fd()?.as_fd())
    }
}

/// The kernel tells a program's figures in its descriptor's information (`bpf_prog_show_fdinfo`, kernel/bpf/syscall.c).
fn stats(program: BorrowedFd<'_>) -> Result<Stats> {
    Ok(Stats { time: fact(program, "run_time_ns")?, runs: fact(program, "run_cnt")? })
}

/// A figure of a program or map.
pub(crate) fn fact(of: BorrowedFd<'_>, name: &str) -> Result<u64> {
    let path = format!("/proc/thread-self/fdinfo/{}", of.as_raw_fd());
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    text.lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
        .with_context(|| format!("{path} has no {name}"))?
        .trim()
        .parse()
        .with_context(|| format!("{name} in {path} is no number"))
}
