//! Random TCP connections: what the flows of `replay` say was sent again, came out of order or had no room is what tshark's analysis
//! of sequence numbers says.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use semconv::attribute;
use serde_json::Value;

use crate::captures::{replay, script};
use crate::tshark::ask_tshark;

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
            let differing: Vec<String> = theirs
                .iter()
                .filter(|(port, sides)| ours.get(port) != Some(sides))
                .map(|(port, sides)| format!("{port}: {:?}, tshark {sides:?}", ours.get(port)))
                .collect();
            ensure!(
                differing.is_empty() && ours.len() == theirs.len(),
                "random_tcp.py {seed}, replay {options:?}: {} of {}, tshark {}:\n{}",
                differing.len(),
                ours.len(),
                theirs.len(),
                differing.join("\n")
            );
        }
    }
    Ok(())
}
