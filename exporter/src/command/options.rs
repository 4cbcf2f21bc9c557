//! Options of the commands. A flag goes before its environment variable, that before the configuration file, that before the default.

mod otlp;
mod switch;

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::aggregate::Dimension;
use crate::command::{FilterOptions, value};
use crate::kernel::budget::Wants;
use crate::kernel::{Drops, Method, Reach};
use crate::print::Format;

pub use self::otlp::OtlpOptions;
pub(super) use self::otlp::milliseconds;
pub(super) use self::switch::with_switches;

/// Options of every command that observes.
#[derive(Clone, Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub struct Common {
    /// Interfaces to observe: names or patterns with *, ? and [..], separated by commas or given several times; ? stands for a comma in
    /// a name [default: all]
    #[arg(
        long = "interface",
        short,
        value_name = "GLOB",
        env = "OTEL_FLOW_EXPORTER_INTERFACES",
        value_delimiter = ',',
        value_parser = value::pattern
    )]
    pub interfaces: Vec<String>,
    /// Interfaces to leave out, in the same form
    #[arg(
        long = "exclude-interface",
        value_name = "GLOB",
        env = "OTEL_FLOW_EXPORTER_EXCLUDE_INTERFACES",
        value_delimiter = ',',
        value_parser = value::pattern
    )]
    pub exclude_interfaces: Vec<String>,
    /// Observe the loopback interface too
    #[arg(long, default_value = "false", env = "OTEL_FLOW_EXPORTER_LOOPBACK")]
    pub loopback: bool,
    /// Which packets are counted.
    #[command(flatten)]
    pub filter: FilterOptions,
    /// How to attach: TCX (Linux 6.6), clsact filters, or the first of them that works
    #[arg(long, value_name = "METHOD", default_value = "auto", env = "OTEL_FLOW_EXPORTER_ATTACH")]
    pub attach: Method,
    /// Network namespaces whose interfaces are observed: the agent's own, or all of the machine (needs CAP_SYS_ADMIN)
    #[arg(long, value_name = "WHICH", default_value = "own", env = "OTEL_FLOW_EXPORTER_NAMESPACES")]
    pub namespaces: Reach,
    /// Memory of the kernel's maps and the process together
    #[arg(
        long,
        value_name = "BYTES",
        default_value = "256MiB",
        value_parser = value::bytes,
        env = "OTEL_FLOW_EXPORTER_MEMORY"
    )]
    pub memory: u64,
    /// A flow without packets for this long has ended
    #[arg(
        long,
        value_name = "DURATION",
        default_value = "15s",
        value_parser = value::duration,
        env = "OTEL_FLOW_EXPORTER_IDLE_TIMEOUT"
    )]
    pub idle_timeout: Duration,
    /// The same for TCP connections, which say when they end
    #[arg(
        long,
        value_name = "DURATION",
        default_value = "10m",
        value_parser = value::duration,
        env = "OTEL_FLOW_EXPORTER_TCP_IDLE_TIMEOUT"
    )]
    pub tcp_idle_timeout: Duration,
    /// Whether a record lists all the interfaces that its packets passed
    #[arg(long, default_value = "true", env = "OTEL_FLOW_EXPORTER_PATH")]
    pub path: bool,
    /// Whether a connection's first bytes are looked at, for its application protocol and TLS; docs/facts.md says what is kept
    #[arg(long, default_value = "true", env = "OTEL_FLOW_EXPORTER_FACTS")]
    pub facts: bool,
    /// Whether records say how well TCP connections do while they live: round-trip times, what was sent again
    #[arg(long, default_value = "true", env = "OTEL_FLOW_EXPORTER_TCP_QUALITY")]
    pub tcp_quality: bool,
    /// Of which flows to tell what the kernel dropped, and why: of none, of those that an interface saw, or also of others
    #[arg(long, value_name = "WHICH", default_value = "seen", env = "OTEL_FLOW_EXPORTER_DROPS")]
    pub drops: Drops,
    /// Say what other tools call a flow: its Community ID
    #[arg(long, default_value = "false", env = "OTEL_FLOW_EXPORTER_COMMUNITY_ID")]
    pub community_id: bool,
    /// Seed of the Community ID, the same as the other tools have
    #[arg(long, value_name = "NUMBER", default_value_t = 0, env = "OTEL_FLOW_EXPORTER_COMMUNITY_ID_SEED")]
    pub community_id_seed: u16,
}

impl Common {
    /// What memory is wanted for, if metrics take so many bytes of it.
    pub(super) fn wants(&self, metrics: u64) -> Wants {
        Wants {
            metrics,
            tcp_quality: self.tcp_quality,
            payloads: self.facts,
            drops: self.drops != Drops::None,
        }
    }
}

/// Options of `run`.
#[derive(Clone, Debug, Args)]
pub struct RunOptions {
    /// What to observe.
    #[command(flatten)]
    pub common: Common,
    /// Time between two records of a flow that goes on [default: 10s; 1s when flows are printed]
    #[arg(long, value_name = "DURATION", value_parser = value::duration, env = "OTEL_FLOW_EXPORTER_INTERVAL")]
    pub interval: Option<Duration>,
    /// Name of this agent: agents side by side on a host need different ones
    #[arg(
        long,
        value_name = "NAME",
        default_value = "default",
        value_parser = value::instance,
        env = "OTEL_FLOW_EXPORTER_INSTANCE"
    )]
    pub instance: String,
    /// Where and how to export.
    #[command(flatten)]
    pub otlp: OtlpOptions,
    /// Report the flows of this agent's own export too
    #[arg(long, default_value = "false", env = "OTEL_FLOW_EXPORTER_OWN_TRAFFIC")]
    pub own_traffic: bool,
    /// What metrics say of them.
    #[command(flatten)]
    pub metrics: MetricOptions,
    /// What the agent says of itself.
    #[command(flatten)]
    pub telemetry: TelemetryOptions,
}

/// Options of metrics.
#[derive(Clone, Debug, Args)]
pub struct MetricOptions {
    /// Attributes that metrics have besides the transport and the direction, separated by commas; docs/metrics.md has the list
    #[arg(
        long,
        value_name = "NAMES",
        env = "OTEL_FLOW_EXPORTER_METRIC_DIMENSIONS",
        value_delimiter = ',',
        value_parser = value::dimension
    )]
    pub metric_dimensions: Vec<Dimension>,
    /// The most series of a metric; one of them is for what finds no room in the others
    #[arg(
        long,
        value_name = "NUMBER",
        default_value = "2000",
        env = "OTEL_FLOW_EXPORTER_METRIC_SERIES_LIMIT"
    )]
    pub metric_series_limit: NonZeroUsize,
    /// A series without flows for this long ends
    #[arg(
        long,
        value_name = "DURATION",
        default_value = "15m",
        value_parser = value::duration,
        env = "OTEL_FLOW_EXPORTER_METRIC_IDLE_TIMEOUT"
    )]
    pub metric_idle_timeout: Duration,
}

impl MetricOptions {
    /// Bytes of the queue of metrics: room for at least two requests of each series.
    #[must_use]
    pub fn queue_bytes(&self) -> usize {
        /// Bytes of a series' points that wait, compressed or not.
        const PER_SERIES: usize = 2 << 10;
        const LEAST: usize = 2 << 20;
        self.metric_series_limit.get().saturating_mul(PER_SERIES).max(LEAST)
    }
}

/// Options of what the agent says of itself.
#[derive(Clone, Debug, Args)]
pub struct TelemetryOptions {
    /// Send metrics of the agent itself where metrics go
    #[arg(long, default_value = "true", env = "OTEL_FLOW_EXPORTER_SELF_TELEMETRY")]
    pub self_telemetry: bool,
    /// Answer over HTTP at this address: /metrics of the agent itself, /healthz and /readyz [default: nowhere]
    #[arg(long, value_name = "ADDRESS", value_parser = value::address, env = "OTEL_FLOW_EXPORTER_LISTEN")]
    pub listen: Option<SocketAddr>,
}

/// Options of `flows`.
#[derive(Clone, Debug, Args)]
pub struct FlowsOptions {
    /// What to observe.
    #[command(flatten)]
    pub common: Common,
    /// Form of the output
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub format: Format,
    /// Attributes to print, in this order, separated by commas
    #[arg(long, value_name = "NAMES")]
    pub columns: Option<String>,
    /// Stop after this time [default: on Ctrl-C]
    #[arg(long, value_name = "DURATION", value_parser = value::duration)]
    pub duration: Option<Duration>,
    /// Time between two lines of a flow that goes on
    #[arg(long, value_name = "DURATION", default_value = "1s", value_parser = value::duration)]
    pub interval: Duration,
}

/// Options of `replay`.
#[derive(Clone, Debug, Args)]
pub struct ReplayOptions {
    /// A capture in the format pcap or pcapng, which may be compressed with gzip; - for the standard input
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Form of the output
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub format: Format,
    /// Attributes to print, in this order, separated by commas
    #[arg(long, value_name = "NAMES")]
    pub columns: Option<String>,
    /// Which frames are counted.
    #[command(flatten)]
    pub filter: FilterOptions,
    /// Time between two lines of a flow that goes on [default: one line for each flow]
    #[arg(long, value_name = "DURATION", value_parser = value::duration)]
    pub interval: Option<Duration>,
    /// A flow without packets for this long has ended [default: never]
    #[arg(long, value_name = "DURATION", value_parser = value::duration)]
    pub idle_timeout: Option<Duration>,
    /// The same for TCP connections, which say when they end [default: never]
    #[arg(long, value_name = "DURATION", value_parser = value::duration)]
    pub tcp_idle_timeout: Option<Duration>,
    /// Memory of the kernel's maps and the process together; a capture with more flows at a time ends some for want of room
    #[arg(long, value_name = "BYTES", default_value = "256MiB", value_parser = value::bytes)]
    pub memory: u64,
    /// Seed of the Community ID, the same as other tools have
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub community_id_seed: u16,
}

/// Options of `check`.
#[derive(Clone, Debug, Args)]
pub struct CheckOptions {
    /// What would be observed.
    #[command(flatten)]
    pub common: Common,
    /// What metrics would say of it.
    #[command(flatten)]
    pub metrics: MetricOptions,
    /// Where and how it would be exported.
    #[command(flatten)]
    pub otlp: OtlpOptions,
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;
    use crate::command::{Cli, Command};

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn defaults_are_those_of_the_documentation() {
        let Command::Run(run) = Cli::parse_from(["x", "run"]).command else { panic!("run") };
        assert_eq!(run.common.memory, 256 << 20);
        assert_eq!(run.common.idle_timeout, Duration::from_secs(15));
        assert_eq!(run.common.tcp_idle_timeout, Duration::from_mins(10));
        assert_eq!((run.interval, run.instance.as_str()), (None, "default"));
        assert!(!run.own_traffic && run.common.facts && run.common.tcp_quality);
        assert_eq!(run.metrics.metric_dimensions, []);
        assert_eq!(run.metrics.metric_series_limit.get(), 2000);
        assert_eq!(run.metrics.metric_idle_timeout, Duration::from_mins(15));
        assert_eq!((run.telemetry.self_telemetry, run.telemetry.listen), (true, None));
    }

    #[test]
    fn what_the_agent_says_of_itself_can_be_turned_off_and_asked_for() {
        let parse = |line: &[&str]| Cli::try_parse_from([&["x", "run"], line].concat());
        let of = |line| match parse(line).unwrap().command {
            Command::Run(run) => run.telemetry,
            _ => panic!("run"),
        };
        assert!(!of(&["--self-telemetry=false"]).self_telemetry && of(&["--self-telemetry"]).self_telemetry);
        assert_eq!(of(&["--listen", "[::1]:9464"]).listen, Some("[::1]:9464".parse().unwrap()));
        for wrong in ["9464", "localhost:9464", "127.0.0.1"] {
            let error = parse(&["--listen", wrong]).unwrap_err().to_string();
            assert!(error.contains("127.0.0.1:9464"), "{error}");
        }
    }

    #[test]
    fn dimensions_of_metrics_are_names_of_attributes() {
        let [port, source] = [Dimension::DestinationPort, Dimension::Source];
        let names = format!("{}, {}", port.attribute().key, source.attribute().key);
        let parse = |names: &str| Cli::try_parse_from(["x", "run", "--metric-dimensions", names]);
        let Command::Run(run) = parse(&names).unwrap().command else { panic!("run") };
        assert_eq!(run.metrics.metric_dimensions, [port, source]);
        assert!(parse("port").unwrap_err().to_string().contains(port.attribute().key));
    }

    #[test]
    fn interfaces_may_be_given_several_times_or_in_a_list() {
        let line =
            ["x", "flows", "--interface", "eth*, br0", "-i", "wg0", "--format", "json", "--duration", "2s"];
        let Command::Flows(flows) = Cli::parse_from(line).command else { panic!("flows") };
        assert_eq!(flows.common.interfaces, ["eth*", "br0", "wg0"]);
        assert_eq!((flows.format, flows.duration), (Format::Json, Some(Duration::from_secs(2))));
    }
}
