//! Names and fixed sizes of the maps. The version in a name changes with the layout of its key or value, so that a pinned map
//! is never read by a program with another idea of it. The kernel keeps 15 characters of a name.

/// [`Entry`](crate::Entry) by number: [`ENTRIES_GLOBAL`] of generation 0, then as many of generation 1.
pub const ENTRIES: &str = "ENTRIES_V2";
/// [`Bucket`](crate::Bucket) by number: [`BUCKETS_GLOBAL`] of generation 0, then as many of generation 1.
pub const INDEX: &str = "INDEX_V1";
/// [`Taken`](crate::Taken) by generation.
pub const TAKEN: &str = "TAKEN_V1";
/// One [`control`](crate::control) word at index 0.
pub const CONTROL: &str = "CONTROL_V1";
/// Per-CPU [`LossKey`](crate::LossKey) to [`Tally`](crate::Tally).
pub const LOSSES: &str = "LOSSES_V1";
/// Per-CPU [`Reason`](crate::Reason) as index to [`Tally`](crate::Tally): losses for which [`LOSSES`] had no room.
pub const UNATTRIBUTED: &str = "UNATTRIBUTED_V1";
/// [`FragmentKey`](crate::FragmentKey) to [`FragmentPorts`](crate::FragmentPorts), least recently used out first.
pub const FRAGMENTS: &str = "FRAGMENTS_V1";

/// Hooks times reasons that losses are told apart for.
pub const LOSS_ENTRIES: u32 = 4096;
/// Datagrams in fragments that are followed at a time.
pub const FRAGMENT_ENTRIES: u32 = 4096;

/// Read-only global of a program instance: the network namespace its hooks are in.
pub const SCOPE_GLOBAL: &str = "SCOPE";
/// Read-only global, a `u32`: not 0 if packets come from a capture, whose bytes may end before the packet does. Its mark is then its
/// length on the wire.
pub const REPLAY_GLOBAL: &str = "REPLAY";

/// Read-only global: how many entries each generation has, a `u32`.
pub const ENTRIES_GLOBAL: &str = "ENTRIES_PER_GENERATION";
/// Read-only global: how many buckets each generation has, a `u32`.
pub const BUCKETS_GLOBAL: &str = "BUCKETS_PER_GENERATION";
/// Read-only global: what only this agent knows of its hash, `[u32; 10]`, so that nobody can choose packets whose keys collide.
pub const HASH_KEY_GLOBAL: &str = "HASH_KEY";
