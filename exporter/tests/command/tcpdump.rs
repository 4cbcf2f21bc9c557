//! tcpdump at an interface: which frames passed, as somebody else counts them.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use exporter::flow::Counts;
use flow_tests::harness::until;
use flow_tests::netns::Netns;
use flow_tests::program::Program;
use tempfile::NamedTempFile;

/// Headers of a capture and of a frame in it (pcap-savefile(5)).
const FILE_HEADER: usize = 24;
const FRAME_HEADER: usize = 16;
/// Ethernet and IPv4 header, without options.
const SHORTEST: usize = 34;

/// Waits for what takes no time on an idle machine.
const PATIENCE: Duration = Duration::from_mins(2);

/// Frames and their lengths, by the IPv4 address that they come from.
pub(crate) type Captured = BTreeMap<Ipv4Addr, Counts>;

/// A tcpdump that captures.
pub(crate) struct Tcpdump {
    process: Program,
    file: NamedTempFile,
}

impl Tcpdump {
    /// Returns when what passes is captured.
    pub(crate) fn start(namespace: &Netns, interface: &str) -> Result<Self> {
        let file = NamedTempFile::new()?;
        let mut command = Command::new("ip");
        command.args(["netns", "exec", namespace.name(), "tcpdump", "-n", "-U", "-i", interface]);
        // Room for 64 MiB of headers, so that nothing is dropped on a busy machine. Into a file that is open already: tcpdump gives
        // up its privilege before it would open one.
        command.args(["-s", "96", "-B", "65536", "-w", "-"]);
        command.stdin(Stdio::null()).stdout(file.reopen()?).stderr(Stdio::piped());
        Ok(Self { process: Program::start_until(command, "listening on")?, file })
    }

    /// Ends it when it has so many frames, and tells all that it has.
    pub(crate) fn stop(self, frames: u64) -> Result<Captured> {
        let Self { process, file } = self;
        let captured = || captured(&std::fs::read(file.path())?);
        // It would leave what is still on its way to it.
        until("tcpdump has all frames", PATIENCE, || {
            Ok(captured()?.values().map(|counts| counts.packets).sum::<u64>() >= frames)
        })
        .with_context(|| format!("{frames} frames passed, and tcpdump has {:?}", captured()))?;
        let ended = process.stop()?;
        ensure!(ended.status.success(), "tcpdump: {}", ended.stderr);
        ensure!(ended.stderr.contains("\n0 packets dropped by kernel"), "tcpdump: {}", ended.stderr);
        captured()
    }
}

/// The whole frames of a capture, the last of which may still be written.
fn captured(capture: &[u8]) -> Result<Captured> {
    let number = |bytes: &[u8], at: usize| -> Result<u32> {
        let bytes = bytes.get(at..at + 4).context("no number")?;
        Ok(u32::from_ne_bytes(bytes.try_into()?))
    };
    let mut captured = Captured::new();
    let Some((header, mut rest)) = capture.split_at_checked(FILE_HEADER) else { return Ok(captured) };
    ensure!(number(header, 0)? == 0xa1b2_c3d4, "no capture: {header:x?}");
    while let Some((header, behind)) = rest.split_at_checked(FRAME_HEADER) {
        let length = number(header, 8)?.try_into()?;
        let Some((frame, behind)) = behind.split_at_checked(length) else { break };
        let (SHORTEST.., &[0x08, 0x00]) = (frame.len(), &frame[12..14]) else {
            bail!("not IPv4: {frame:x?}")
        };
        let source: [u8; 4] = frame[26..30].try_into()?;
        *captured.entry(source.into()).or_default() +=
            Counts { packets: 1, bytes: number(header, 12)?.into() };
        rest = behind;
    }
    Ok(captured)
}
