//! What the program can do without: it does the rest, and says what is missing on stderr, in `check` and in a metric.

use anyhow::{Context, Result, ensure};

use crate::program::{Program, command_through, output};
use crate::telemetry::{LISTEN, get};
use crate::topology::Pair;

/// Has a program see no type information of the kernel.
const WITHOUT_TYPES: [&str; 5] =
    ["unshare", "--mount", "sh", "-c", r#"mount -t tmpfs none /sys/kernel/btf && exec "$0" "$@""#];
const WITHOUT_SYS_ADMIN: [&str; 3] = ["setpriv", "--inh-caps=-sys_admin", "--bounding-set=-sys_admin"];

/// Values of a metric's series in Prometheus' text, by the value of their only attribute.
fn series(page: &str, metric: &str) -> Result<Vec<(String, u64)>> {
    let of = page.lines().filter_map(|line| line.strip_prefix(metric)?.strip_prefix('{'));
    of.map(|line| {
        let (attribute, value) = line.split_once("} ").with_context(|| line.to_owned())?;
        let name = attribute.split('"').nth(1).with_context(|| line.to_owned())?;
        Ok((name.to_owned(), value.parse()?))
    })
    .collect()
}

fn features(page: &str) -> Result<Vec<(String, u64)>> {
    let mut features = series(page, "flow_exporter_feature_available")?;
    // A connection from before the start, which is not there, would tell of connection tracking.
    features.retain(|(name, _)| name != "conntrack");
    features.sort_unstable();
    Ok(features)
}

/// Starts the program that way and gives its page of metrics, after it has said once what is missing, and `check` too.
fn page(through: &[&str], options: &[&str], missing: Option<&str>) -> Result<String> {
    let pair = Pair::new()?;
    let arguments = [&["run", "--listen", LISTEN], options].concat();
    let program = Program::start_until(command_through(&pair.server, through, &arguments), "Ctrl-C ends")?;
    let (status, page) = get(&pair.server, "/metrics")?;
    ensure!(status == 200, "{page}");
    let ended = program.stop()?;
    ensure!(ended.status.success(), "exit {}: {}", ended.status, ended.stderr);
    if let Some(words) = missing {
        ensure!(ended.stderr.matches(words).count() == 1, "{words:?} once: {}", ended.stderr);
        let check = output(&mut command_through(&pair.server, through, &[&["check"], options].concat()))?;
        ensure!(check.stdout.contains(words), "{words:?} is not in: {}", check.stdout);
    }
    Ok(page)
}

fn expect(features: &[(String, u64)], expected: &[(&str, u64)]) -> Result<()> {
    let same = features.iter().map(|(name, value)| (name.as_str(), *value)).eq(expected.iter().copied());
    ensure!(same, "{features:?} are not {expected:?}");
    Ok(())
}

pub(crate) fn all_there() -> Result<()> {
    let page = page(&[], &[], None)?;
    expect(&features(&page)?, &[("drops", 1), ("listening_socket", 1), ("tcx", 1)])
}

pub(crate) fn not_wanted() -> Result<()> {
    let page = page(&[], &["--drops", "none", "--attach", "clsact"], None)?;
    expect(&features(&page)?, &[("listening_socket", 1)])
}

pub(crate) fn without_sys_admin() -> Result<()> {
    let words = "only the agent's own network namespace is observed, for want of CAP_SYS_ADMIN";
    let page = page(&WITHOUT_SYS_ADMIN, &["--namespaces", "all"], Some(words))?;
    expect(&features(&page)?, &[("drops", 1), ("listening_socket", 1), ("namespaces", 0), ("tcx", 1)])
}

pub(crate) fn without_types() -> Result<()> {
    let page = page(&WITHOUT_TYPES, &[], Some("not told: "))?;
    expect(&features(&page)?, &[("drops", 0), ("listening_socket", 1), ("tcx", 1)])
}

/// The maps of the kernel are what the plan has them, and all of it is within what was granted.
pub(crate) fn memory() -> Result<()> {
    const GRANTED: u64 = 64 << 20;
    let page = page(&[], &["--memory", "64MiB"], None)?;
    let mut usage = series(&page, "flow_exporter_memory_usage_bytes")?;
    usage.sort_unstable();
    let [(anonymous, process), (maps, kernel)] = &usage[..] else { anyhow::bail!("{usage:?}") };
    ensure!(anonymous == "anonymous" && maps == "kernel_maps", "{usage:?}");
    ensure!(*process > 1 << 20 && *kernel > 1 << 20, "{usage:?}");
    ensure!(process + kernel <= GRANTED, "{usage:?}");
    let limit = page.lines().find_map(|line| line.strip_prefix("flow_exporter_memory_limit_bytes "));
    let limit: u64 = limit.context("no limit")?.parse()?;
    ensure!(limit <= GRANTED && limit > GRANTED - (1 << 16), "{limit}");
    Ok(())
}
