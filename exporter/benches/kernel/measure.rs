//! The measurement: every candidate in turn under the same traffic, for several rounds.

use std::os::fd::OwnedFd;
use std::thread::sleep;
use std::time::{Duration, Instant};

use abi::Reason;
use anyhow::{Context, Result};
use exporter::kernel::GracePeriod;

use crate::candidate::{CANDIDATES, Candidates, EMPTY, EXPORTER, Stats, YARDSTICK, is_chosen};
use crate::lab::{Lab, ifindex};
use crate::traffic::{Load, Traffic};

/// Name, what is sent, and the most that the exporter may cost, as a part of the yardstick.
pub(crate) const LOADS: [(&str, Load, f64); 5] = [
    ("one UDP flow", Load::Udp { flows: 1, cpus: 1 }, 0.3),
    ("one TCP stream", Load::TcpStream, 0.5),
    ("one UDP flow from two CPUs", Load::Udp { flows: 1, cpus: 2 }, 0.25),
    ("4000 UDP flows", Load::Udp { flows: 4_000, cpus: 1 }, 0.75),
    ("100 000 UDP flows", Load::Udp { flows: 100_000, cpus: 1 }, 0.9),
];

const ROUNDS: usize = 5;
/// As long as a generation lasts in the exporter (`LONGEST_READING`), so that the first packets of observations, which cost more
/// than others, have the weight that they have there.
const SAMPLE: Duration = Duration::from_millis(2500);

/// Between two looks at how full a generation is, as in the exporter.
const TICK: Duration = Duration::from_millis(100);

/// All that is needed for a load.
pub(crate) struct Bench {
    lab: Lab,
    candidates: Candidates,
    names: Vec<(&'static str, &'static str)>,
    devices: [u32; 2],
    /// The kernel keeps statistics as long as it is open.
    _statistics: OwnedFd,
}

/// One load.
pub(crate) struct LoadResult {
    pub(crate) rows: Vec<Row>,
    pub(crate) exactness: Exactness,
}

/// One candidate under a load.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) what: &'static str,
    /// Median nanoseconds of a run, the empty program's taken off.
    pub(crate) net: f64,
    /// Median of the rounds' ratios to the yardstick.
    pub(crate) ratio: f64,
    /// Least and greatest of these ratios.
    pub(crate) spread: (f64, f64),
    /// Runs of all rounds.
    pub(crate) runs: u64,
}

/// What the exporter's programs ran for, and what was read of them.
#[derive(Default)]
pub(crate) struct Exactness {
    pub(crate) runs: u64,
    pub(crate) packets: u64,
    pub(crate) lost: u64,
    pub(crate) left_out: u64,
    pub(crate) readings: u32,
    /// GSO packets count as many, so their number and that of runs differ.
    pub(crate) comparable: bool,
}

/// How long a reading takes.
pub(crate) struct Reading {
    pub(crate) entries: usize,
    pub(crate) entries_time: Duration,
    pub(crate) empty_time: Duration,
    pub(crate) grace_idle: Duration,
    pub(crate) grace_loaded: Duration,
}

impl Bench {
    /// Of all candidates if none is chosen.
    pub(crate) fn new(chosen: &[String]) -> Result<Self> {
        let lab = Lab::new()?;
        lab.r.join()?;
        let chosen = |name: &str| chosen.iter().any(|word| is_chosen(name, word));
        let all = !CANDIDATES.iter().any(|(name, _)| chosen(name));
        // Filters only on request.
        let in_all = |name: &str| all && !name.contains('/');
        let names: Vec<_> = CANDIDATES
            .into_iter()
            .filter(|(name, _)| in_all(name) || [EMPTY, YARDSTICK].contains(name) || chosen(name))
            .collect();
        Ok(Self {
            devices: [ifindex("ra")?, ifindex("rb")?],
            candidates: Candidates::load(&names)?,
            names,
            _statistics: aya::sys::enable_stats(aya::sys::Stats::RunTime)
                .context("the kernel keeps no statistics of programs")?,
            lab,
        })
    }

    pub(crate) fn measure(&mut self, load: Load) -> Result<LoadResult> {
        let traffic = Traffic::start(load, &self.lab)?;
        sleep(Duration::from_millis(200)); // Until senders are at full speed.
        let mut exactness = Exactness { comparable: load != Load::TcpStream, ..Exactness::default() };
        let mut samples = vec![Vec::new(); self.names.len()];
        for round in 0..ROUNDS {
            let mut order: Vec<usize> = (0..self.names.len()).collect();
            if round % 2 == 1 {
                order.reverse();
            }
            for index in order {
                samples[index].push(self.sample(self.names[index].0, &mut exactness)?);
            }
        }
        traffic.stop()?;
        Ok(LoadResult { rows: self.rows(&samples), exactness })
    }

    /// One candidate for the length of a sample, with emptied maps at its start. The exporter runs for two, with a reading in
    /// the middle, under traffic.
    fn sample(&mut self, name: &'static str, exactness: &mut Exactness) -> Result<Stats> {
        let before = self.candidates.stats(name)?;
        let links = self.candidates.attach(name, &self.devices)?;
        let is_exporter = self.candidates.exporter(name).is_some();
        if is_exporter {
            self.read_for(name, SAMPLE, exactness)?;
            self.read(name, exactness)?;
            self.read_for(name, SAMPLE, exactness)?;
        } else {
            sleep(SAMPLE);
        }
        drop(links);
        let after = self.candidates.stats(name)?;
        let sample = Stats { time: after.time - before.time, runs: after.runs - before.runs };
        if is_exporter {
            self.read(name, exactness)?;
            exactness.runs += sample.runs;
        }
        self.candidates.empty(name)?;
        Ok(sample)
    }

    /// Reads the exporter for so long as it reads itself: when a generation fills up.
    fn read_for(&mut self, name: &str, time: Duration, exactness: &mut Exactness) -> Result<()> {
        let end = Instant::now() + time;
        while let Some(left) = end.checked_duration_since(Instant::now()) {
            sleep(left.min(TICK));
            if self.candidates.exporter(name).is_some_and(|(exporter, _)| exporter.reader.is_filling()) {
                self.read(name, exactness)?;
            }
        }
        Ok(())
    }

    fn read(&mut self, name: &str, exactness: &mut Exactness) -> Result<usize> {
        let (exporter, hooks) = self.candidates.exporter(name).context("it is not measured")?;
        let mut entries = 0;
        exporter.reader.read(hooks, |_, observation| {
            exactness.packets += observation.counts.packets;
            entries += 1;
        })?;
        exporter.reader.read_losses(hooks, |_, loss| match loss.reason {
            Reason::Filtered | Reason::SampledOut => exactness.left_out += loss.counts.packets,
            _ => exactness.lost += loss.counts.packets,
        })?;
        exactness.readings += 1;
        Ok(entries)
    }

    fn rows(&self, samples: &[Vec<Stats>]) -> Vec<Row> {
        let gross = |candidate: usize, round: usize| per_run(samples[candidate][round]);
        let position =
            |name| self.names.iter().position(|(known, _)| *known == name).expect("always measured");
        let (empty, yardstick) = (position(EMPTY), position(YARDSTICK));
        let net = |candidate, round| gross(candidate, round) - gross(empty, round);
        let row = |(index, &(name, what))| {
            let costs = (0..ROUNDS).map(|round| net(index, round)).collect();
            let mut ratios: Vec<f64> =
                (0..ROUNDS).map(|round| net(index, round) / net(yardstick, round)).collect();
            ratios.sort_by(f64::total_cmp);
            Row {
                name,
                what,
                // The empty program's own row shows what is taken off.
                net: if index == empty {
                    median((0..ROUNDS).map(|round| gross(empty, round)).collect())
                } else {
                    median(costs)
                },
                spread: (ratios[0], ratios[ROUNDS - 1]),
                ratio: median(ratios),
                runs: samples[index].iter().map(|sample| sample.runs).sum(),
            }
        };
        self.names.iter().enumerate().map(row).collect()
    }

    /// Fills a generation with 100 000 observations of one hook, and reads it when the traffic is over.
    pub(crate) fn read_100k(&mut self) -> Result<Reading> {
        let load = Load::Udp { flows: 100_000, cpus: 1 };
        let mut times = Vec::new();
        let mut entries = 0;
        for _ in 0..ROUNDS {
            let traffic = Traffic::start(load, &self.lab)?;
            let links = self.candidates.attach(EXPORTER, &self.devices[1..])?;
            sleep(SAMPLE);
            drop(links);
            traffic.stop()?;
            let start = Instant::now();
            entries = self.read(EXPORTER, &mut Exactness::default())?;
            times.push(start.elapsed());
        }
        let empty_time = median_time(|| self.read(EXPORTER, &mut Exactness::default()).map(drop))?;
        let grace = GracePeriod::probe()?;
        let grace_idle = median_time(|| Ok(grace.wait()?))?;
        let traffic = Traffic::start(Load::Udp { flows: 1, cpus: 2 }, &self.lab)?;
        sleep(SAMPLE);
        let grace_loaded = median_time(|| Ok(grace.wait()?))?;
        traffic.stop()?;
        times.sort();
        Ok(Reading { entries, entries_time: times[ROUNDS / 2], empty_time, grace_idle, grace_loaded })
    }
}

#[expect(clippy::cast_precision_loss, reason = "a mean of nanoseconds")]
fn per_run(stats: Stats) -> f64 {
    stats.time as f64 / stats.runs.max(1) as f64
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn median_time(mut work: impl FnMut() -> Result<()>) -> Result<Duration> {
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let start = Instant::now();
        work()?;
        times.push(start.elapsed());
    }
    times.sort();
    Ok(times[ROUNDS / 2])
}
