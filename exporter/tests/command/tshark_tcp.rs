//! TCP connections of captures, random and real ones: what the flows of `replay` say was sent again, came out of order or had no room is
//! what tshark's analysis of sequence numbers says.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use flow_tests::harness::until;
use flow_tests::netns::Netns;
use rustix::process::{Pid, Signal, kill_process};
use semconv::attribute;
use semconv::value::network_connection_state;
use serde_json::Value;

use crate::captures::{replay, script};
use crate::connection::{PORT, connect, listen};
use crate::quality::{lose_some, sent};
use crate::topology::Pair;
use crate::tshark::{ask_tshark, ensure_same};

const SEEDS: [u64; 4] = [1, 2, 3, 4];
/// Ports of the clients of `random_tcp.py`.
const FIRST_PORT: u16 = 51_000;
/// What is asked of each frame.
const FIELDS: [&str; 5] = [
    "tcp.srcport",
    "tcp.dstport",
    "tcp.analysis.retransmission",
    "tcp.analysis.out_of_order",
    "tcp.analysis.zero_window",
];

/// For what comes soon, or never.
const PATIENCE: Duration = Duration::from_mins(1);

/// Segments that one side of a connection sent again, out of order, and without room to receive.
type Disorder = [u64; 3];
/// By the client's port; first what the client sent.
type ByPort = BTreeMap<u16, [Disorder; 2]>;

fn of_tshark(file: &Path) -> Result<ByPort> {
    let mut all = ByPort::new();
    ask_tshark(file, &[], &FIELDS, |fields| {
        let [from, to, ref said @ ..] = *fields else { bail!("no ports") };
        let port = |port: Option<&str>| anyhow::Ok(port.context("no port")?.parse::<u16>()?);
        let (from, to) = (port(from)?, port(to)?);
        let (client, side) = if from >= FIRST_PORT { (from, 0) } else { (to, 1) };
        let sums = &mut all.entry(client).or_default()[side];
        for (sum, said) in sums.iter_mut().zip(said) {
            *sum += u64::from(said.is_some());
        }
        Ok(())
    })?;
    Ok(all)
}

fn of_records(records: &[Value]) -> Result<ByPort> {
    let mut all = ByPort::new();
    for record in records {
        let port = record[attribute::SOURCE_PORT.key].as_u64().context("no port")?;
        let sides = all.entry(u16::try_from(port)?).or_default();
        let of_sides = [
            [
                attribute::SOURCE_TCP_RETRANSMITS,
                attribute::SOURCE_TCP_OUT_OF_ORDER,
                attribute::SOURCE_TCP_ZERO_WINDOWS,
            ],
            [
                attribute::DESTINATION_TCP_RETRANSMITS,
                attribute::DESTINATION_TCP_OUT_OF_ORDER,
                attribute::DESTINATION_TCP_ZERO_WINDOWS,
            ],
        ];
        for (sums, attributes) in sides.iter_mut().zip(of_sides) {
            for (sum, attribute) in sums.iter_mut().zip(attributes) {
                *sum += record[attribute.key].as_u64().unwrap_or_default();
            }
        }
    }
    Ok(all)
}

pub(crate) fn same_disorder() -> Result<()> {
    let folder = tempfile::tempdir()?;
    for seed in SEEDS {
        let file = folder.path().join(format!("{seed}.pcap"));
        script("random_tcp.py", &[Path::new(&seed.to_string()), &file])?;
        let theirs = of_tshark(&file)?;
        let mut totals = [0; 3];
        for disorder in theirs.values().flatten() {
            totals.iter_mut().zip(disorder).for_each(|(total, sum)| *total += sum);
        }
        ensure!(
            totals.iter().all(|total| *total > 9),
            "random_tcp.py {seed}: not much to compare: {totals:?}"
        );
        // Whether a flow is one record or many.
        for options in [&[][..], &["--interval", "1s"]] {
            let ours = of_records(&replay(&file, options)?.records()?)?;
            ensure_same("connections", &ours, &theirs)
                .with_context(|| format!("random_tcp.py {seed}, replay {options:?}"))?;
        }
    }
    Ok(())
}

/// Captures at an interface, headers alone.
struct Dumpcap(Child);

impl Dumpcap {
    /// Returns when what passes is captured.
    fn start(namespace: &Netns, interface: &str, file: &Path) -> Result<Self> {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", namespace.name(), "dumpcap", "-q", "-P", "-i", interface]);
        command.args(["-s", "128", "-B", "16", "-w"]).arg(file).stderr(Stdio::null());
        let dumpcap = Self(command.spawn().context("dumpcap")?);
        // It writes the header when it has opened the interface.
        let has_begun = || Ok(file.metadata().is_ok_and(|file| file.len() > 0));
        until("dumpcap captures", PATIENCE, has_begun)?;
        Ok(dumpcap)
    }

    /// Ends it, and with it the file.
    fn stop(mut self) -> Result<()> {
        kill_process(Pid::from_child(&self.0), Signal::INT)?;
        ensure!(self.0.wait()?.success(), "dumpcap failed");
        Ok(())
    }
}

impl Drop for Dumpcap {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A sender that is captured beside its socket: nothing can be out of order there. Which of the old segments are, tshark guesses by
/// their times.
pub(crate) fn as_the_socket() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("sender.pcap");
    let pair = Pair::without_offloads()?;
    lose_some(&pair.server, "s0")?;
    let listener = listen(&pair.server)?;
    let dumpcap = Dumpcap::start(&pair.client, "c0", &file)?;
    let socket = sent(&pair.client, connect(&pair.client, PORT)??, &listener)?;
    ensure!(socket.retransmits > 0, "nothing was lost");
    let has_all = || {
        // A frame may be half written.
        let lines = replay(&file, &[])?.stdout;
        let record = lines.lines().next().map(serde_json::from_str::<Value>).transpose()?;
        let state = record.map(|record| record[attribute::NETWORK_CONNECTION_STATE.key].clone());
        Ok(state.is_some_and(|state| state == network_connection_state::CLOSED))
    };
    until("all of the connection is captured", PATIENCE, has_all)?;
    dumpcap.stop()?;
    let records = replay(&file, &[])?.records()?;
    let [record] = &records[..] else { bail!("not one: {records:?}") };
    let sum = |attribute: semconv::Attribute| record[attribute.key].as_u64().unwrap_or_default();
    let ours = [attribute::SOURCE_TCP_RETRANSMITS, attribute::SOURCE_TCP_OUT_OF_ORDER].map(sum);
    ensure!(ours == [socket.retransmits, 0], "{socket:?}: {record}");
    let mut theirs = 0;
    let fields = ["tcp.dstport", "tcp.analysis.retransmission", "tcp.analysis.out_of_order"];
    ask_tshark(&file, &[], &fields, |fields| {
        let of_sender = fields.first().copied().flatten() == Some(&PORT.to_string());
        theirs += u64::from(of_sender && fields.iter().skip(1).any(Option::is_some));
        Ok(())
    })?;
    ensure!(theirs == socket.retransmits, "tshark: {theirs} old segments, {socket:?}");
    Ok(())
}
