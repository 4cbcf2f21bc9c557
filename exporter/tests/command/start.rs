//! The start on a machine of many interfaces: what is hooked counts at once, the agent answers meanwhile, and it can be told to end.

use std::net::UdpSocket;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use flow_tests::harness::until;
use semconv::metric;

use crate::program::{Program, command};
use crate::telemetry::{LISTEN, ask};
use crate::topology::{CLIENT, Pair, SERVER};

const PORT: u16 = 50_007;
/// Longer than anything here takes on a slow machine.
const PATIENCE: Duration = Duration::from_mins(5);
/// From a datagram to the next.
const BETWEEN: Duration = Duration::from_millis(5);
/// Pairs of interfaces beside the one with traffic. Where they are hooked before anybody has looked, there are more the next time.
const PAIRS: [usize; 4] = [100, 200, 400, 800];

/// Says hooks and packets so far, as soon as there are some of both.
fn first_counts(pair: &Pair) -> Result<[u64; 2]> {
    let mut counts = [0; 2];
    until("packets are counted", PATIENCE, || {
        // Until it listens, nobody answers.
        let Ok((_, page)) = ask(&pair.server, "/metrics") else { return Ok(false) };
        counts = [
            value(&page, metric::FLOW_EXPORTER_HOOK_ATTACHED)?,
            value(&page, metric::FLOW_EXPORTER_PACKET_SEEN)?,
        ];
        Ok(!counts.contains(&0))
    })?;
    Ok(counts)
}

/// A number of a page of metrics.
fn value(page: &str, metric: semconv::Metric) -> Result<u64> {
    let name = metric.name.replace('.', "_");
    let names = [format!("{name} "), format!("{name}_total ")];
    let line = |line: &str| names.iter().find_map(|name| line.strip_prefix(name.as_str()).map(str::to_owned));
    let value = page.lines().find_map(line).with_context(|| format!("no {name}: {page}"))?;
    Ok(value.parse()?)
}

/// Interfaces are hooked in the order of their indexes, so the first pair, which has traffic, comes before all others.
pub(crate) fn while_attaching() -> Result<()> {
    for pairs in PAIRS {
        let pair = Pair::new()?;
        pair.server.ip_batch((0..pairs).map(|n| format!("link add one{n} type veth peer name two{n}")))?;
        let hooks = u64::try_from(2 * (2 * pairs + 1))?;
        let from = pair.client.enter(|| UdpSocket::bind((CLIENT, PORT)))??;
        let run = command(&pair.server, &["run", "--listen", LISTEN, "--interval", "400ms"]);
        let program = Program::start_until(run, "listening")?;
        let (goes_on, is_over) = channel::<()>();
        let ended = thread::scope(|scope| {
            scope.spawn(move || {
                while is_over.recv_timeout(BETWEEN) == Err(RecvTimeoutError::Timeout) {
                    let _ = from.send_to(b"packet", (SERVER, PORT));
                }
            });
            let counts = first_counts(&pair);
            let ended = program.stop();
            drop(goes_on);
            Ok::<_, anyhow::Error>((counts?, ended?))
        });
        let ([attached, _], ended) = ended?;
        ensure!(ended.status.success() && ended.stderr.contains("balances"), "{}", ended.stderr);
        ensure!(attached <= hooks, "{attached} of {hooks}");
        if attached < hooks && !ended.stderr.contains("attached by") {
            return Ok(());
        }
    }
    bail!("nothing was told before all interfaces were hooked, however many there are")
}
