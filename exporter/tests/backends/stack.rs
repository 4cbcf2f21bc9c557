//! The program in front of a Collector with a configuration for users, in one namespace with the backends.

use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use exporter::flow::Counts;
use flow_tests::collector::{Collector, GRPC_ADDRESS, requests};
use flow_tests::netns::Netns;
use flow_tests::program::{Program, command};
use flow_tests::topology::{CLIENT, Pair, SERVER};
use flow_tests::traffic::{address, stream};
use serde_json::Value;
use tempfile::TempDir;

/// How long something may take to be found in a backend, on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);

/// Of clients: none of these ports is one that servers are known by, which would tell who began a flow.
const EPHEMERAL: u16 = 50_000;
/// Flows of datagrams in each [round](Stack::traffic). They are so close together that many have the same time.
const FLOWS: u16 = 100;

/// Where a Collector writes, if its configuration has the file exporter.
const FLOW_FILE: &str = "flows.jsonl";

/// Flows of a [crowd](Stack::crowd).
const CROWD: u16 = 4000;

/// What is under test. Ends with everything in it.
pub(crate) struct Stack {
    /// Where the program counts what comes from the client.
    pub(crate) pair: Pair,
    program: Option<Program>,
    collector: Option<Collector>,
    folder: TempDir,
}

/// What crossed the interface, whole frames.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Crossed {
    /// All flows begin at the client, so this is what sources sent.
    pub(crate) forward: Counts,
    /// And this what destinations sent.
    pub(crate) reverse: Counts,
}

/// A file that is part of the project.
pub(crate) fn file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// Starts a Collector with a file of `otel-collector-config/`, which writes its own file into `folder`.
pub(crate) fn collector(namespace: &Netns, configuration: &str, folder: &Path) -> Result<Collector> {
    let configuration = file("otel-collector-config").join(configuration);
    Collector::of(namespace, GRPC_ADDRESS, &configuration, |command| {
        for variable in ["LISTEN", "LOKI_ENDPOINT", "PROMETHEUS_ENDPOINT"] {
            command.env_remove(variable);
        }
        command.env("FLOW_FILE", folder.join(FLOW_FILE));
    })
}

impl Stack {
    /// Starts a Collector with a file of `otel-collector-config/` beside the backends, and the program with the variables that
    /// the file names.
    pub(crate) fn start(pair: Pair, configuration: &str, variables: &[(&str, &str)]) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let collector = collector(&pair.server, configuration, folder.path())?;
        let mut command = command(&pair.server, &["run", "--interface", "s0", "--interval", "400ms"]);
        command.env("OTEL_METRIC_EXPORT_INTERVAL", "300").envs(variables.iter().copied());
        let program = Program::start(command)?;
        Ok(Self { pair, program: Some(program), collector: Some(collector), folder })
    }

    /// Where the backends are.
    pub(crate) fn namespace(&self) -> &Netns {
        &self.pair.server
    }

    /// Datagrams of many flows, some answered, and a TCP connection.
    pub(crate) fn traffic(&self) -> Result<()> {
        let serving = self.pair.server.enter(|| UdpSocket::bind(address(SERVER, 6000)))??;
        let sockets: Vec<_> = self.pair.client.enter(|| -> Result<_> {
            (0..FLOWS).map(|flow| Ok(UdpSocket::bind(address(CLIENT, EPHEMERAL + flow))?)).collect()
        })??;
        let mut buffer = [0; 200];
        for _ in 0..3 {
            for socket in &sockets {
                socket.send_to(&[0; 58], address(SERVER, 6000))?;
                serving.recv(&mut buffer)?;
            }
        }
        for socket in sockets.iter().step_by(2) {
            serving.send_to(&[0; 100], socket.local_addr()?)?;
            socket.recv(&mut buffer)?;
        }
        stream(&self.pair.client, &self.pair.server, SERVER, 1 << 20).map(drop)
    }

    /// Flows of one datagram: more records than one request of the Collector to a backend has.
    pub(crate) fn crowd(&self) -> Result<()> {
        let serving = self.pair.server.enter(|| UdpSocket::bind(address(SERVER, 6000)))??;
        self.pair.client.enter(|| -> Result<()> {
            for flow in 0..CROWD {
                let socket = UdpSocket::bind(address(CLIENT, EPHEMERAL + flow))?;
                socket.send_to(&[0; 58], address(SERVER, 6000))?;
                serving.recv(&mut [0; 200])?;
            }
            Ok(())
        })?
    }

    /// Ends the program, which has to have delivered what crossed its interface.
    pub(crate) fn end_program(&mut self) -> Result<Crossed> {
        let ended = self.program.take().context("the program has ended before")?.stop()?;
        ensure!(ended.status.success() && ended.stderr.contains("balances"), "{}", ended.stderr);
        let counters = self.pair.server.counters("s0")?;
        let crossed = Crossed { forward: counters.received, reverse: counters.sent };
        let (delivered, packets) = (ended.delivered()?, crossed.forward.packets + crossed.reverse.packets);
        ensure!(delivered == packets, "{delivered} packets delivered of {packets}: {}", ended.stderr);
        Ok(crossed)
    }

    /// Ends the Collector; gives what it said, and the requests that it wrote into its file.
    pub(crate) fn end_collector(&mut self) -> Result<(String, Vec<Value>)> {
        let said = self.collector.take().context("the Collector has ended before")?.end()?;
        let requests = requests(&self.folder.path().join(FLOW_FILE)).with_context(|| said.clone())?;
        Ok((said, requests))
    }
}
