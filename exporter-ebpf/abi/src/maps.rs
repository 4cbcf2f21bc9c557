//! Names and fixed sizes of the maps. The version in a name changes with the layout of its key or value, so that a pinned map
//! is never read by a program with another idea of it. The kernel keeps 15 characters of a name.

/// Observations of generation 0: [`ObservationKey`](crate::ObservationKey) to [`Observation`](crate::Observation).
pub const OBSERVATIONS_0: &str = "OBSERVED_0_V1";
/// Observations of generation 1.
pub const OBSERVATIONS_1: &str = "OBSERVED_1_V1";
/// Per-CPU cache of both generations, [`SLOTS_PER_GENERATION`] slots each: index to [`Slot`](crate::Slot).
pub const SLOTS: &str = "SLOTS_V1";
/// One `u32` at index 0: the generation that the programs write, 0 or 1.
pub const CONTROL: &str = "CONTROL_V1";
/// Per-CPU, generation as index: a `u64`, how many entries the programs put into the generation's observations map.
pub const INSERTED: &str = "INSERTED_V1";
/// Per-CPU [`LossKey`](crate::LossKey) to [`Tally`](crate::Tally).
pub const LOSSES: &str = "LOSSES_V1";
/// Per-CPU [`Reason`](crate::Reason) as index to [`Tally`](crate::Tally): losses for which [`LOSSES`] had no room.
pub const UNATTRIBUTED: &str = "UNATTRIBUTED_V1";
/// [`FragmentKey`](crate::FragmentKey) to [`FragmentPorts`](crate::FragmentPorts), least recently used out first.
pub const FRAGMENTS: &str = "FRAGMENTS_V1";

/// Slots of one generation and CPU. A power of two.
pub const SLOTS_PER_GENERATION: u32 = 64;
/// Hooks times reasons that losses are told apart for.
pub const LOSS_ENTRIES: u32 = 4096;
/// Datagrams in fragments that are followed at a time.
pub const FRAGMENT_ENTRIES: u32 = 4096;
/// Observations that a generation holds when user space sets no size.
pub const DEFAULT_OBSERVATIONS: u32 = 65_536;

/// Read-only global of a program instance: the network namespace its hooks are in.
pub const SCOPE_GLOBAL: &str = "SCOPE";
