//! The kernel programs, on packets that no device carries and on interfaces.

use std::io::ErrorKind;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use abi::Direction;
use anyhow::{Context, Result, bail};
use exporter::flow::{HookId, Hooks, Observation};
use exporter::kernel::{Filter, GracePeriod, Loaded, Loss, PacketContext, Sizes, attach_tcx, load, test_run};
use packet::Link;
use rustix::net::netdevice::name_to_index;
use rustix::net::{AddressFamily, SocketType, socket};

use crate::harness::stay_on_one_cpu;
use crate::model::Seen;

/// `TCX_NEXT`: what the programs answer of every packet.
const NEXT: i32 = -1;
/// How long a packet may take to its hook on a busy machine.
const PATIENCE: Duration = Duration::from_secs(3);
/// Ethernet and IPv6 header: shorter packets may be refused by the kernel.
const SHORTEST: usize = 54;

/// Loaded programs and what reads them.
pub struct Machine {
    loaded: Loaded,
    hooks: Hooks,
    links: Vec<OwnedFd>,
}

/// A packet and what the kernel is told about it.
#[derive(Clone, Debug)]
pub struct Input {
    /// The device's kind.
    pub link: Link,
    /// The hook's direction.
    pub direction: Direction,
    /// The packet.
    pub bytes: Vec<u8>,
    /// The rest.
    pub context: PacketContext,
}

impl Machine {
    /// Loads the programs, with room for this many observations, and binds the thread to one CPU, so that its packets share
    /// entries and cache.
    ///
    /// # Errors
    /// Where the kernel refuses.
    pub fn new(observations: u32) -> Result<Self> {
        Self::with(Sizes::of_observations(observations).with_payloads(1 << 18), &Filter::default())
    }

    /// The same with all sizes, and with a filter.
    ///
    /// # Errors
    /// Where the kernel refuses.
    pub fn with(sizes: Sizes, filter: &Filter) -> Result<Self> {
        stay_on_one_cpu()?;
        let grace = GracePeriod::probe().context("no way to wait for a grace period")?;
        Ok(Self { loaded: load(0, sizes, filter, grace)?, hooks: Hooks::default(), links: Vec::new() })
    }

    /// Sends a packet to its hook. `false` if it is too short for a test run, where the kernel wants all of an IP header.
    ///
    /// # Errors
    /// If the kernel refuses the packet otherwise, or the program gives another verdict than "go on".
    pub fn send(&self, input: &Input) -> Result<bool> {
        let program = self.loaded.programs.fd(input.link, input.direction);
        match test_run(program, &input.bytes, &input.context) {
            Ok(NEXT) => Ok(true),
            Ok(verdict) => bail!("verdict {verdict} of {input:?}"),
            Err(error) if error.kind() == ErrorKind::InvalidInput && input.bytes.len() < SHORTEST => {
                Ok(false)
            }
            Err(error) => Err(error).with_context(|| format!("the kernel refuses {input:?}")),
        }
    }

    /// Turns the generation and gives what was seen since the last time.
    ///
    /// # Errors
    /// If the maps cannot be read.
    pub fn read(&mut self) -> Result<Seen> {
        let mut seen = Seen::default();
        self.loaded.reader.read(&mut self.hooks, |hooks, observation| {
            seen.add_observation(hooks.get(observation.hook).direction, observation);
        })?;
        for loss in self.losses()? {
            let hook = loss.hook.context("a loss without a hook")?;
            seen.add_loss(self.hooks.get(hook).direction, loss.reason, loss.counts);
        }
        Ok(seen)
    }

    /// What is in no observation, since the last time.
    ///
    /// # Errors
    /// If the maps cannot be read.
    pub fn losses(&mut self) -> Result<Vec<Loss>> {
        let mut losses = Vec::new();
        self.loaded.reader.read_losses(&mut self.hooks, |_, loss| losses.push(*loss))?;
        Ok(losses)
    }

    /// Makes room for the losses of other hooks, and gives those of this one since the last time.
    ///
    /// # Errors
    /// If the map cannot be read or written.
    pub fn forget_losses(&mut self, hook: HookId) -> Result<Vec<Loss>> {
        let mut losses = Vec::new();
        self.loaded.reader.forget_losses(hook, &self.hooks, |loss| losses.push(*loss))?;
        Ok(losses)
    }

    /// Hooks an interface of the thread's network namespace, as long as this value lives.
    ///
    /// # Errors
    /// If there is none of this name, or the kernel refuses.
    pub fn attach(&mut self, interface: &str, link: Link, direction: Direction) -> Result<()> {
        let socket = socket(AddressFamily::INET, SocketType::DGRAM, None)?;
        let index = name_to_index(&socket, interface).with_context(|| format!("no interface {interface}"))?;
        self.links.push(attach_tcx(self.loaded.programs.fd(link, direction), index, direction)?);
        Ok(())
    }

    /// Reads until what was seen is as wanted, or no longer changes it: packets on interfaces take their time.
    ///
    /// # Errors
    /// If the maps cannot be read.
    pub fn read_until(&mut self, mut wanted: impl FnMut(&Seen) -> bool) -> Result<Seen> {
        let deadline = Instant::now() + PATIENCE;
        let mut seen = Seen::default();
        loop {
            seen.merge(self.read()?);
            if wanted(&seen) || Instant::now() > deadline {
                return Ok(seen);
            }
        }
    }

    /// Observations, before they are merged.
    ///
    /// # Errors
    /// If the maps cannot be read.
    pub fn observations(&mut self) -> Result<Vec<Observation>> {
        let mut observations = Vec::new();
        self.loaded.reader.read(&mut self.hooks, |_, observation| observations.push(*observation))?;
        Ok(observations)
    }

    /// The bytes of payloads that were shipped since the last time, in their order.
    pub fn payloads(&mut self) -> Vec<Vec<u8>> {
        let mut payloads = Vec::new();
        self.loaded.reader.read_payloads(|payload| payloads.push(payload.bytes.to_vec()));
        payloads
    }

    /// Observations in the generation that is written.
    #[must_use]
    pub fn fill(&self) -> u64 {
        self.loaded.reader.fill()
    }

    /// Whether the generation that is written is to be read at once.
    #[must_use]
    pub fn is_filling(&self) -> bool {
        self.loaded.reader.is_filling()
    }
}
