//! Names and fixed sizes of the maps. The version in a name changes with the layout of its key or value, so that a pinned map
//! is never read by a program with another idea of it. The kernel keeps 15 characters of a name.

/// [`Entry`](crate::Entry) by number: [`ENTRIES_GLOBAL`] of generation 0, then as many of generation 1.
pub const ENTRIES: &str = "ENTRIES_V3";
/// [`Bucket`](crate::Bucket) by number: [`BUCKETS_GLOBAL`] of generation 0, then as many of generation 1.
pub const INDEX: &str = "INDEX_V2";
/// [`Taken`](crate::Taken) by generation.
pub const TAKEN: &str = "TAKEN_V1";
/// One [`control`](crate::control) word at index 0.
pub const CONTROL: &str = "CONTROL_V1";
/// Per-CPU [`LossKey`](crate::LossKey) to [`Tally`](crate::Tally).
pub const LOSSES: &str = "LOSSES_V1";
/// Per-CPU [`Reason`](crate::Reason) as index to [`Tally`](crate::Tally): losses for which [`LOSSES`] had no room.
pub const UNATTRIBUTED: &str = "UNATTRIBUTED_V1";
/// [`LossSlot`](crate::LossSlot) by number: [`LOSS_SLOTS_GLOBAL`] of generation 0, then as many of generation 1; of each,
/// [`PER_CPU`](crate::LossSlot::PER_CPU) of the first CPU, then those of the next.
pub const LOSS_SLOTS: &str = "LOSS_SLOTS_V1";
/// [`FragmentKey`](crate::FragmentKey) to [`FragmentPorts`](crate::FragmentPorts), least recently used out first.
pub const FRAGMENTS: &str = "FRAGMENTS_V1";
/// Ring of [`Payload`](crate::Payload).
pub const PAYLOADS: &str = "PAYLOADS_V2";
/// [`Awaited`](crate::Awaited) to the sequence number of the first data, least recently used out first.
pub const AWAITED: &str = "AWAITED_V2";
/// Per CPU at index 0: payloads for which [`PAYLOADS`] had no room.
pub const UNSHIPPED: &str = "UNSHIPPED_V1";

/// [`TcpQuality`](crate::TcpQuality) by number, as [`ENTRIES`]; one value where it is off.
pub const TCP_QUALITY: &str = "TCP_QUALITY_V1";
/// [`Timings`](crate::Timings) by hash: [`TIMING_ENTRIES`], or one value where TCP quality is off.
pub const TIMINGS: &str = "TIMINGS_V1";

/// One [`Batch`](crate::Batch) at index 0, where [`REPLAY_GLOBAL`] says so.
pub const BATCH: &str = "BATCH_V1";
/// The first bytes of each frame of [`BATCH`]; one value where nothing is replayed.
pub const BYTES: &str = "BYTES_V1";

/// Hooks times reasons that losses are told apart for.
pub const LOSS_ENTRIES: u32 = 4096;
/// Connections that are timed by their timestamps at a time; more take turns.
pub const TIMING_ENTRIES: u32 = 1 << 14;
/// Datagrams in fragments that are followed at a time.
pub const FRAGMENT_ENTRIES: u32 = 4096;

/// The one global that user space writes after an instance is loaded, and before it is attached, as an array of one `u32`: the number of
/// the network namespace that its hooks are in. Named as the section that it has for itself.
pub const SCOPE: &str = ".data";
/// Read-only global, a `u32`: not 0 if packets come from a capture, of which [`BATCH`] says more than their bytes.
pub const REPLAY_GLOBAL: &str = "REPLAY";

/// Read-only global, a `u32`: not 0 if the first data of connections is shipped.
pub const PAYLOADS_GLOBAL: &str = "SHIP_PAYLOADS";

/// Read-only global: how many entries each generation has, a `u32`.
pub const ENTRIES_GLOBAL: &str = "ENTRIES_PER_GENERATION";
/// Read-only global: how many buckets each generation has, a `u32`.
pub const BUCKETS_GLOBAL: &str = "BUCKETS_PER_GENERATION";
/// Read-only global: what only this agent knows of its hash, `[u32; 10]`, so that nobody can choose packets whose keys collide.
pub const HASH_KEY_GLOBAL: &str = "HASH_KEY";

/// Read-only global: how many [`LossSlot`](crate::LossSlot)s each generation has, a `u32`.
pub const LOSS_SLOTS_GLOBAL: &str = "LOSS_SLOTS_PER_GENERATION";
/// Read-only global: how many of the rules there are, a `u32`.
pub const FILTER_LEN_GLOBAL: &str = "FILTER_LEN";
/// Read-only global: the rules in their order, [`FilterRule::MAX`](crate::FilterRule::MAX) of them.
pub const FILTER_RULES_GLOBAL: &str = "FILTER_RULES";
/// Read-only global, a `u32`: of so many flows one is counted.
pub const SAMPLE_GLOBAL: &str = "SAMPLE";
/// Read-only global, a `u32`: not 0 if the programs keep [`TCP_QUALITY`].
pub const TCP_QUALITY_GLOBAL: &str = "KEEPS_TCP_QUALITY";

/// [`DropKey`](crate::DropKey) to [`DropTally`](crate::DropTally), of each generation.
pub const DROPS: [&str; 2] = ["DROPS_0_V3", "DROPS_1_V3"];
/// Per CPU, [`Untold`](crate::Untold) as index to a number of packets.
pub const DROPS_UNTOLD: &str = "DROPS_UNTOLD_V1";
/// Read-only global, `[u32; MEMBERS]`: offsets by [`skb`](crate::skb).
pub const DROP_LAYOUT_GLOBAL: &str = "DROP_LAYOUT";
/// Read-only global, a `u32`: not 0 if it is told in which network namespace packets are dropped.
pub const DROP_NAMESPACES_GLOBAL: &str = "DROP_NAMESPACES";
/// Read-only global, `[u32; NO_DROPS]`: reasons that are not counted.
pub const NO_DROPS_GLOBAL: &str = "NO_DROPS";
