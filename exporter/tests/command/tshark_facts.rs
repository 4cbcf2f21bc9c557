//! Random captures: what the flows of `replay` say of first bytes is what tshark reads there.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use semconv::attribute;
use semconv::value::network_transport;
use serde_json::Value;

use crate::captures::{replay, script};
use crate::tshark::{ask_tshark, ensure_same};

const SEEDS: [u64; 3] = [1, 2, 3];
/// Ports of `random_facts.py`, which tshark does not know to be of TLS.
const TLS: &str = "tcp.port==51000-51999,tls";
/// What is asked of each frame.
const FIELDS: [&str; 12] = [
    "tcp.srcport",
    "tcp.dstport",
    "udp.srcport",
    "udp.dstport",
    "tls.handshake.type",
    "tls.handshake.extensions_server_name",
    "tls.handshake.version",
    "tls.handshake.extensions.supported_version",
    "dns.qry.name",
    "dns.qry.type",
    "dns.flags.rcode",
    "dns.time",
];

/// What is said of a conversation.
type Facts = BTreeMap<&'static str, String>;
/// By the port that the conversation has for itself.
type ByPort = BTreeMap<u16, Facts>;

/// To the microsecond, of which captures are.
fn seconds(time: f64) -> String {
    format!("{time:.6}")
}

fn of_tshark(file: &Path) -> Result<ByPort> {
    let mut all = ByPort::new();
    ask_tshark(file, &["-d", TLS], &FIELDS, |fields| add_frame(&mut all, fields))?;
    Ok(all)
}

fn add_frame(all: &mut ByPort, fields: &[Option<&str>]) -> Result<()> {
    let [tcp_from, tcp_to, udp_from, udp_to, ref rest @ ..] = *fields else { bail!("no ports") };
    let &[message, host, version, chosen, name, kind, code, time] = rest else { bail!("no facts") };
    let ends = [tcp_from.or(udp_from), tcp_to.or(udp_to)]
        .map(|port| port.context("no port")?.parse::<u16>().context("a port"));
    let port = ends.into_iter().collect::<Result<Vec<_>>>()?.into_iter().find(|port| *port >= 51_000);
    let facts = all.entry(port.context("no port of its own")?).or_default();
    let mut learn = |what, value: String| facts.insert(what, value);
    match message {
        Some("1") => {
            learn("host", host.context("no host")?.to_lowercase());
        }
        Some("2") => {
            let name = match chosen.or(version) {
                Some("0x0304") => "1.3",
                Some("0x0303") => "1.2",
                other => bail!("version {other:?}"),
            };
            learn("version", name.to_owned());
        }
        _ => {}
    }
    if let Some(name) = name {
        learn("question", name.to_lowercase());
        let kind = match kind {
            Some("1") => "A",
            Some("28") => "AAAA",
            Some("15") => "MX",
            Some("16") => "TXT",
            other => bail!("type {other:?}"),
        };
        learn("type", kind.to_owned());
    }
    // Only an answer has a time.
    if let Some(time) = time {
        let code = match code {
            Some("0") => "NOERROR",
            Some("2") => "SERVFAIL",
            Some("3") => "NXDOMAIN",
            Some("5") => "REFUSED",
            other => bail!("response code {other:?}"),
        };
        learn("code", code.to_owned());
        learn("duration", seconds(time.parse()?));
    }
    Ok(())
}

fn of_records(records: &[Value]) -> Result<ByPort> {
    let mut all = ByPort::new();
    for record in records {
        let is_tcp = record[attribute::NETWORK_TRANSPORT.key] == network_transport::TCP;
        let port = if is_tcp { attribute::DESTINATION_PORT } else { attribute::SOURCE_PORT };
        let port = u16::try_from(record[port.key].as_u64().context("no port")?)?;
        let facts = all.entry(port).or_default();
        for (what, attribute) in [
            ("host", attribute::SERVER_ADDRESS),
            ("version", attribute::TLS_PROTOCOL_VERSION),
            ("question", attribute::DNS_QUESTION_NAME),
            ("type", attribute::NETWORK_DNS_QUESTION_TYPE),
            ("code", attribute::NETWORK_DNS_RESPONSE_CODE),
        ] {
            facts.extend(record[attribute.key].as_str().map(|text| (what, text.to_owned())));
        }
        let duration = record[attribute::NETWORK_DNS_DURATION.key].as_f64();
        facts.extend(duration.map(|duration| ("duration", seconds(duration))));
    }
    Ok(all)
}

pub(crate) fn same_facts() -> Result<()> {
    let folder = tempfile::tempdir()?;
    for seed in SEEDS {
        let file = folder.path().join(format!("{seed}.pcap"));
        script("random_facts.py", &[Path::new(&seed.to_string()), &file])?;
        let theirs = of_tshark(&file)?;
        let of = |what: &str| theirs.values().filter(|facts| facts.contains_key(what)).count();
        ensure!(of("host") > 9 && of("version") > 9 && of("question") > 9 && of("code") > 9, "{theirs:?}");
        // Whether a flow is one record or many.
        for options in [&[][..], &["--interval", "100ms"]] {
            let ours = of_records(&replay(&file, options)?.records()?)?;
            ensure_same("flows", &ours, &theirs)
                .with_context(|| format!("random_facts.py {seed}, replay {options:?}"))?;
        }
    }
    Ok(())
}
