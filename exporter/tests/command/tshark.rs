//! Random captures: the flows of `replay` add up to what tshark has of each frame.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::net::IpAddr;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use exporter::flow::Counts;
use semconv::attribute;
use semconv::value::network_transport;
use serde_json::Value;

use crate::captures::{replay, script};

const SEEDS: [u64; 4] = [1, 2, 3, 4];
/// Fragments stay what they are.
const OPTIONS: [&str; 6] =
    ["--enable-protocol", "communityid", "-o", "ip.defragment:FALSE", "-o", "ipv6.defragment:FALSE"];
/// What is asked of each frame.
const FIELDS: [&str; 12] = [
    "frame.len",
    "communityid",
    "ip.src",
    "ip.dst",
    "ipv6.src",
    "ipv6.dst",
    "tcp.srcport",
    "tcp.dstport",
    "udp.srcport",
    "udp.dstport",
    "icmp.type",
    "icmpv6.type",
];

type Ends<T> = (T, T);
type Tally<K> = BTreeMap<K, Counts>;

/// Packets and bytes of both directions together.
#[derive(Default, Debug, PartialEq)]
struct Sums {
    /// Fragments too.
    pairs: Tally<Ends<IpAddr>>,
    /// Of TCP and UDP.
    conversations: Tally<(String, Ends<(IpAddr, u16)>)>,
    community_ids: Tally<String>,
}

impl Sums {
    fn add(
        &mut self,
        counts: Counts,
        ends: Ends<IpAddr>,
        (transport, ports): (&str, Option<Ends<u16>>),
        id: Option<&str>,
    ) {
        *self.pairs.entry(sorted(ends)).or_default() += counts;
        if is_in_fragments(ends.0) {
            return;
        }
        if let Some(ports) = ports {
            let conversation = (transport.to_owned(), sorted(((ends.0, ports.0), (ends.1, ports.1))));
            *self.conversations.entry(conversation).or_default() += counts;
        }
        if let Some(id) = id {
            *self.community_ids.entry(id.to_owned()).or_default() += counts;
        }
    }
}

fn sorted<T: Ord>((one, other): Ends<T>) -> Ends<T> {
    if other < one { (other, one) } else { (one, other) }
}

/// tshark knows no ports of a later fragment that it does not put together with the first one.
fn is_in_fragments(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.octets().starts_with(&[10, 9]),
        IpAddr::V6(address) => address.segments()[0] == 0xfd09,
    }
}

/// Has `add` take these fields of each frame, in their order; `None` where it has none. Names of addresses are not asked for.
pub(crate) fn ask_tshark(
    file: &Path,
    options: &[&str],
    fields: &[&str],
    mut add: impl FnMut(&[Option<&str>]) -> Result<()>,
) -> Result<()> {
    let mut tshark = Command::new("tshark");
    tshark.arg("-n").args(options).args(["-T", "fields", "-E", "occurrence=f", "-r"]).arg(file);
    let output = tshark.args(fields.iter().flat_map(|field| ["-e", field])).output().context("tshark")?;
    ensure!(output.status.success(), "tshark: {}", String::from_utf8_lossy(&output.stderr));
    for line in String::from_utf8(output.stdout)?.lines() {
        let values: Vec<_> = line.split('\t').map(|value| (!value.is_empty()).then_some(value)).collect();
        add(&values).with_context(|| line.to_owned())?;
    }
    Ok(())
}

/// What tshark says of each frame, added up.
fn of_tshark(file: &Path) -> Result<Sums> {
    let mut sums = Sums::default();
    ask_tshark(file, &OPTIONS, &FIELDS, |fields| add_frame(&mut sums, fields))?;
    Ok(sums)
}

fn add_frame(sums: &mut Sums, fields: &[Option<&str>]) -> Result<()> {
    let [len, id, ref rest @ ..] = *fields else { bail!("no fields") };
    let [v4_from, v4_to, v6_from, v6_to, ref rest @ ..] = rest[..] else { bail!("no addresses") };
    let &[tcp_from, tcp_to, udp_from, udp_to, icmp, icmp_v6] = rest else { bail!("no ports") };
    let (Some(from), Some(to)) = (v4_from.or(v6_from), v4_to.or(v6_to)) else { return Ok(()) };
    let counts = Counts { packets: 1, bytes: len.context("no length")?.parse()? };
    // An error message quotes a packet, whose ports are not its own.
    let (transport, ports) = match (icmp.or(icmp_v6), tcp_from.zip(tcp_to), udp_from.zip(udp_to)) {
        (None, Some(ports), None) => (network_transport::TCP, Some(ports)),
        (None, None, Some(ports)) => (network_transport::UDP, Some(ports)),
        _ => ("", None),
    };
    let ports = ports.map(|(from, to)| anyhow::Ok((from.parse()?, to.parse()?))).transpose()?;
    sums.add(counts, (from.parse()?, to.parse()?), (transport, ports), id);
    Ok(())
}

/// What the records say, added up.
fn of_records(records: &[Value]) -> Result<Sums> {
    let mut sums = Sums::default();
    for record in records {
        add_record(&mut sums, record).with_context(|| record.to_string())?;
    }
    Ok(sums)
}

fn add_record(sums: &mut Sums, record: &Value) -> Result<()> {
    let text = |of: semconv::Attribute| record[of.key].as_str();
    let count = |of: semconv::Attribute| record[of.key].as_u64().context(of.key);
    let address = |of| anyhow::Ok(text(of).context("no address")?.parse::<IpAddr>()?);
    let counts = Counts {
        packets: count(attribute::SOURCE_PACKETS)? + count(attribute::DESTINATION_PACKETS)?,
        bytes: count(attribute::SOURCE_BYTES)? + count(attribute::DESTINATION_BYTES)?,
    };
    let ends = (address(attribute::SOURCE_ADDRESS)?, address(attribute::DESTINATION_ADDRESS)?);
    let transport = text(attribute::NETWORK_TRANSPORT).context("no transport")?;
    let ports = if [network_transport::TCP, network_transport::UDP].contains(&transport) {
        let port = |of: semconv::Attribute| record[of.key].as_u64().map(u16::try_from).transpose();
        port(attribute::SOURCE_PORT)?.zip(port(attribute::DESTINATION_PORT)?)
    } else {
        None
    };
    // tshark has none of IPv6 packets of a protocol that has neither ports nor a name.
    let is_known = ends.0.is_ipv4() || transport.parse::<u8>().is_err();
    let id = text(attribute::NETWORK_FLOW_COMMUNITY_ID).filter(|_| is_known);
    sums.add(counts, ends, (transport, ports), id);
    Ok(())
}

/// Says which are not the same, and not all that are.
pub(crate) fn ensure_same<K: Ord + Debug, V: PartialEq + Debug>(
    what: &str,
    ours: &BTreeMap<K, V>,
    theirs: &BTreeMap<K, V>,
) -> Result<()> {
    let differing: Vec<String> = ours
        .keys()
        .chain(theirs.keys().filter(|key| !ours.contains_key(key)))
        .filter(|key| ours.get(key) != theirs.get(key))
        .map(|key| format!("{key:?}: {:?}, tshark {:?}", ours.get(key), theirs.get(key)))
        .collect();
    ensure!(!theirs.is_empty(), "tshark has no {what}");
    ensure!(
        differing.is_empty(),
        "{} {what} of {}:\n{}",
        differing.len(),
        theirs.len(),
        differing.join("\n")
    );
    Ok(())
}

pub(crate) fn same_sums() -> Result<()> {
    let folder = tempfile::tempdir()?;
    for seed in SEEDS {
        let file = folder.path().join(format!("{seed}.pcap"));
        script("random_capture.py", &[Path::new(&seed.to_string()), &file])?;
        let theirs = of_tshark(&file)?;
        // Whether a flow is one record or many.
        for options in [&[][..], &["--interval", "3s", "--idle-timeout", "10s", "--tcp-idle-timeout", "5s"]] {
            let ours = of_records(&replay(&file, options)?.records()?)?;
            let same = ensure_same("pairs", &ours.pairs, &theirs.pairs)
                .and_then(|()| ensure_same("conversations", &ours.conversations, &theirs.conversations))
                .and_then(|()| ensure_same("Community IDs", &ours.community_ids, &theirs.community_ids));
            same.with_context(|| format!("random_capture.py {seed}, replay {options:?}"))?;
        }
    }
    Ok(())
}

/// Whatever lies in a packet, it counts between its addresses.
pub(crate) fn same_pairs_of_hostile_packets() -> Result<()> {
    let folder = tempfile::tempdir()?;
    for seed in SEEDS {
        let file = folder.path().join(format!("{seed}.pcap"));
        script("random_hostile.py", &[Path::new(&seed.to_string()), &file])?;
        let ours = of_records(&replay(&file, &[])?.records()?)?;
        ensure_same("pairs", &ours.pairs, &of_tshark(&file)?.pairs)
            .with_context(|| format!("random_hostile.py {seed}"))?;
    }
    Ok(())
}
