//! `replay`: print the flows of a capture, as the programs of the kernel see its frames.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::command::end::say;
use crate::command::{Failure, ReplayOptions, observe};
use crate::flow::FlowIds;
use crate::kernel::budget::Wants;
use crate::kernel::probe::{kernel_release, privileges};
use crate::ledger::Ledger;
use crate::pipeline::{Replay, ReplayError};
use crate::replay::{Capture, CaptureError, Problem};
use crate::table::{self, FlowTable};

/// Prints the flows of a file, and at last how many frames it had. What is before a broken place is printed, too.
///
/// # Errors
/// [`Failure`]: the file cannot be read, or not to its end; or the programs cannot run.
pub fn replay(options: &ReplayOptions) -> Result<(), Failure> {
    let columns = observe::columns(options.columns.as_deref())?;
    let filter = options.filter.filter()?;
    let mut capture = Capture::open(&options.file).map_err(|error| failure(&error.into()))?;
    let proc = Path::new("/proc");
    kernel_release(proc)?;
    privileges(proc)?;
    let wants = Wants { metrics: 0, tcp_quality: true, payloads: true, drops: false };
    let plan = observe::plan(options.memory, wants)?;
    let table = FlowTable::new(
        &table::Config {
            interval: options.interval.unwrap_or(Duration::MAX),
            idle_timeout: options.idle_timeout.unwrap_or(Duration::MAX),
            tcp_idle_timeout: options.tcp_idle_timeout.unwrap_or(Duration::MAX),
            max_flows: usize::try_from(plan.flows).unwrap_or(usize::MAX),
            // A capture does not say in which direction a packet crossed an interface.
            with_path: false,
            community_id_seed: Some(options.community_id_seed),
            sample: filter.sample(),
            application_bytes: usize::try_from(plan.application_bytes).unwrap_or(usize::MAX),
            flows_of_drops: false,
        },
        FlowIds::random(),
    );
    let ledger = Arc::new(Ledger::default());
    let printing = observe::printing(options.format, columns, &ledger, &plan)?;
    let mut replay = Replay::new(table, plan.sizes, &filter, Arc::clone(&ledger), printing)
        .map_err(|error| failure(&error))?;
    let played = replay.play(&mut capture);
    let finished = replay.finish();
    let ended = played.and(finished);
    summary(&capture, &ledger);
    unkept(replay.payloads_unkept());
    match ended {
        // Whoever read the output has enough of it.
        Err(ReplayError::Outlet(error)) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        ended => ended.map_err(|error| failure(&error)),
    }
}

fn summary(capture: &Capture, ledger: &Ledger) {
    let total = ledger.total();
    let sampled_out = match total.sampled_out.packets {
        0 => String::new(),
        packets => format!(", {packets} sampled out"),
    };
    say(format_args!(
        "{} frames: {} packets in flows, {} seen at a second interface, {} not IP, {} filtered, {} without endpoints{sampled_out}",
        capture.frames(),
        total.seen.packets - total.not_ip.packets - total.filtered.packets - total.sampled_out.packets,
        total.path.packets,
        total.not_ip.packets,
        total.filtered.packets,
        total.all_lost().packets
    ));
}

fn unkept(payloads: u64) {
    if payloads > 0 {
        say(format_args!(
            "what {payloads} first payloads and DNS messages say is not in the flows: it has a sixteenth of --memory; raise that"
        ));
    }
}

fn failure(error: &ReplayError) -> Failure {
    let sentence = error.to_string();
    match error {
        ReplayError::Load(_) | ReplayError::Run { .. } => Failure::System(sentence),
        ReplayError::Read(_) => Failure::Software(sentence),
        ReplayError::Outlet(_) => Failure::Output(sentence),
        ReplayError::Capture(CaptureError { problem: Problem::Open(_), .. }) => Failure::NoInput(sentence),
        ReplayError::Capture(_) => Failure::Data(sentence),
    }
}
