//! The round trip of handshakes over a slow way, as Prometheus tells it from both forms of histograms.

use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use flow_tests::collector::GRPC;
use flow_tests::harness::{eventually, until};
use flow_tests::netns::Netns;
use flow_tests::program::{Program, command};
use flow_tests::relay::{Exchange, Relay, delayed};
use flow_tests::topology::SERVER;
use flow_tests::traffic::address;

use crate::answer::{number, vector};
use crate::prometheus::{Prometheus, ROUND_TRIP, ROUND_TRIP_EXPONENTIAL, find, text};
use crate::stack::{PATIENCE, collector};

/// Of the way to the server.
const DELAY: Duration = Duration::from_millis(60);
/// Nothing is sent again before.
const AGAIN: Duration = Duration::from_millis(990);
/// Handshakes in which nothing was.
const HANDSHAKES: u32 = 3;
/// Between the bounds of an exponential bucket, at scale 4: 160 of these buckets reach from the delay to a minute, and an agent
/// has finer ones if they suffice.
const FACTOR: f64 = 1.044_273_782_427_413_8;

/// Opens connections; gives the longest that a round trip can have taken.
fn handshakes(client: &Netns, server: &Netns, relay: &Relay) -> Result<Duration> {
    let listener = server.enter(|| TcpListener::bind(address(SERVER, 7000)))??;
    // Open until the end, so that what comes through is of the handshakes.
    let mut streams = Vec::new();
    let (mut in_time, mut longest) = (0, Duration::ZERO);
    until("nothing was sent again", PATIENCE, || {
        let connect = || Ok(client.enter(|| TcpStream::connect(address(SERVER, 7000)))??);
        let (Exchange { begin, syn, .. }, stream) = Exchange::of(relay, connect)?;
        // The ACK has come.
        streams.push([stream, listener.accept()?.0]);
        let end = Instant::now();
        longest = longest.max(end - syn.before);
        in_time += u32::from(end - begin < AGAIN);
        Ok(in_time == HANDSHAKES)
    })?;
    Ok(longest)
}

/// An agent which sends one form of histograms.
fn agent(server: &Netns, instance: &str, histogram: &str) -> Result<Program> {
    let arguments = ["run", "--interface", "s0", "--interval", "400ms", "--instance", instance];
    let mut command = command(server, &arguments);
    command.env("OTEL_METRIC_EXPORT_INTERVAL", "300").env("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", GRPC);
    command.env("OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION", histogram);
    Program::start(command)
}

/// What a documented query says once Prometheus has counted the handshakes.
fn percentile(namespace: &Netns, title: &str, count: &str) -> Result<f64> {
    let text = text(title)?;
    eventually(PATIENCE, || {
        let counted = number(&find(namespace, count)?)?;
        ensure!(counted >= f64::from(HANDSHAKES), "{counted} handshakes");
        number(&find(namespace, &text)?)
    })
    .with_context(|| title.to_owned())
}

/// The bounds of the explicit buckets around two values.
fn around(namespace: &Netns, (least, most): (f64, f64)) -> Result<(f64, f64)> {
    let buckets = find(namespace, "sum by (le) (network_flow_tcp_rtt_duration_seconds_bucket)")?;
    let bounds = vector(&buckets)?
        .into_iter()
        .map(|(labels, _)| Ok(labels["le"].as_str().context("no bound")?.parse::<f64>()?))
        .collect::<Result<Vec<_>>>()?;
    let below = bounds.iter().copied().filter(|bound| *bound < least).fold(0.0, f64::max);
    let above = bounds.iter().copied().filter(|bound| *bound >= most).fold(f64::INFINITY, f64::min);
    Ok((below, above))
}

/// Two agents see the same handshakes.
fn test(configuration: &str) -> Result<()> {
    let (client, server, relay) = delayed(DELAY)?;
    let _prometheus = Prometheus::start(&server)?;
    let folder = tempfile::tempdir()?;
    let _collector = collector(&server, configuration, folder.path())?;
    let agents = [
        agent(&server, "explicit", "explicit_bucket_histogram")?,
        agent(&server, "exponential", "base2_exponential_bucket_histogram")?,
    ];
    let longest = handshakes(&client, &server, &relay)?;
    for agent in agents {
        let ended = agent.stop()?;
        ensure!(ended.status.success() && ended.stderr.contains("balances"), "{}", ended.stderr);
    }
    let explicit = percentile(&server, ROUND_TRIP, "sum(network_flow_tcp_rtt_duration_seconds_count)")?;
    let exponential = percentile(
        &server,
        ROUND_TRIP_EXPONENTIAL,
        "histogram_count(sum(network_flow_tcp_rtt_duration_seconds))",
    )?;
    // Between the SYN and the ACK, the answer goes to the client, and the ACK comes the slow way.
    let (least, most) = (DELAY.as_secs_f64() / FACTOR, longest.as_secs_f64() * FACTOR);
    ensure!(exponential >= least && exponential <= most, "{exponential} s, not {least} to {most}");
    let (below, above) = around(&server, (least, most))?;
    ensure!(explicit > below && explicit <= above, "{explicit} s, not {below} to {above}");
    let apart = (explicit - exponential).abs();
    ensure!(apart <= above - below, "{explicit} s and {exponential} s are {apart} s apart");
    Ok(())
}

pub(crate) fn otlp() -> Result<()> {
    test("prometheus-otlp.yaml")
}

pub(crate) fn remote_write() -> Result<()> {
    test("prometheus-remote-write.yaml")
}
