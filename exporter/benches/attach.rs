//! How long it takes to hook many interfaces, and what others who configure networks wait meanwhile.
//!
//! A namespace with pairs of interfaces, hooked by the exporter's own attacher. Beside it, in another namespace, a pair is added by `ip` and
//! deleted again, again and again, as a CNI plugin does: first while nothing is attached, then until everything is, then until all is detached.
#![expect(clippy::print_stdout, reason = "a benchmark's figures are its output")]

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use exporter::flow::Hooks;
use exporter::kernel::{
    AttachOptions, Attacher, Filter, GracePeriod, InstanceLock, Method, Selection, Sizes, load, raise_limit,
};
use flow_tests::netns::Netns;

/// Interfaces, each with two hooks.
const INTERFACES: [usize; 2] = [50, 250];
/// Between two pairs that are added.
const PAUSE: Duration = Duration::from_millis(20);
/// How long others are measured while nothing is attached.
const IDLE: Duration = Duration::from_secs(4);
const LONG: Duration = Duration::from_mins(5);

fn main() -> Result<()> {
    ensure!(
        rustix::process::geteuid().is_root(),
        "this benchmark needs root, for eBPF and network namespaces"
    );
    raise_limit()?;
    println!(
        "{:>6} {:>8} {:>8} {:>6} {:>7} {:>7} {:>7}",
        "hooks", "", "seconds", "adds", "median", "p90", "max ms"
    );
    INTERFACES.into_iter().try_for_each(measure)
}

fn measure(interfaces: usize) -> Result<()> {
    let (machine, other) = (Netns::new("machine")?, Netns::new("other")?);
    for namespace in [&machine, &other] {
        namespace.enter(|| std::fs::write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1"))??;
    }
    machine.ip_batch((0..interfaces / 2).map(|n| format!("link add one{n} type veth peer name two{n}")))?;
    let hooks = 2 * interfaces;
    report(hooks, "idle", &other, || {
        sleep(IDLE);
        Ok(())
    })?;
    let loaded = load(0, Sizes::of_observations(1024), &Filter::default(), GracePeriod::probe()?)?;
    let options = AttachOptions {
        instance: InstanceLock::temporary()?,
        scope: 0,
        foreign: None,
        total: None,
        method: Method::Tcx,
        selection: Selection::default(),
    };
    let attacher = report(hooks, "attach", &other, || {
        let start =
            || Attacher::start(options, Arc::new(loaded.programs), Arc::new(Mutex::new(Hooks::default())));
        let (attacher, first_pass) = machine.enter(start)??;
        let summary = first_pass.wait();
        ensure!(summary.attached.len() == interfaces, "{summary:?}");
        Ok(attacher)
    })?;
    report(hooks, "detach", &other, || {
        let stopped = attacher.stop(LONG);
        ensure!(stopped.detached == hooks, "{stopped:?}");
        Ok(())
    })
}

/// Does something, and says how long that took and how long others waited.
fn report<T>(hooks: usize, what: &str, other: &Netns, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let is_over = AtomicBool::new(false);
    let start = Instant::now();
    let (done, took, mut adds) = scope(|scope| {
        let adding = scope.spawn(|| add_pairs(other, &is_over));
        let done = work();
        let took = start.elapsed();
        is_over.store(true, Ordering::Relaxed);
        let adds = adding.join().ok().context("a panic")?;
        Ok::<_, anyhow::Error>((done?, took, adds?))
    })?;
    adds.sort_unstable();
    let part = |per_mille: usize| adds[(adds.len() - 1) * per_mille / 1000].as_secs_f64() * 1e3;
    println!(
        "{hooks:>6} {what:>8} {:>8.1} {:>6} {:>7.0} {:>7.0} {:>7.0}",
        took.as_secs_f64(),
        adds.len(),
        part(500),
        part(900),
        part(1000)
    );
    Ok(done)
}

/// The times that adding took, of one pair at least.
fn add_pairs(namespace: &Netns, is_over: &AtomicBool) -> Result<Vec<Duration>> {
    let mut adds = Vec::new();
    while adds.is_empty() || !is_over.load(Ordering::Relaxed) {
        let start = Instant::now();
        namespace.veth("pod", "host")?;
        adds.push(start.elapsed());
        namespace.ip("link del pod")?;
        sleep(PAUSE);
    }
    Ok(adds)
}
