//! `flows`: print what crosses this host's interfaces, with hooks and maps of its own.

use std::future::pending;
use std::sync::Arc;

use tokio::time::sleep;

use crate::command::end::Signals;
use crate::command::observe::Exports;
use crate::command::outgoing::Outgoing;
use crate::command::{Failure, FlowsOptions, observe};
use crate::kernel::InstanceLock;
use crate::ledger::Ledger;

/// Prints until the duration is over or a signal comes. Data goes to stdout, everything else to stderr.
///
/// # Errors
/// [`Failure`], before anything is observed or when observing ends early.
pub async fn flows(options: FlowsOptions) -> Result<(), Failure> {
    let columns = observe::columns(options.columns.as_deref())?;
    let mut signals = Signals::listen()?;
    let instance = InstanceLock::temporary().map_err(|error| Failure::System(error.to_string()))?;
    let settings = observe::settings(&options.common, instance, options.interval, Exports::default())?;
    let ledger = Arc::new(Ledger::default());
    let printing = observe::printing(options.format, columns, &ledger, &settings.plan)?;
    let writer = printing.writer();
    let (mut agent, first_pass) = observe::start(settings, &ledger, printing)?;
    let attached = observe::attached(first_pass, &mut agent, &mut signals).await;
    let over = async {
        match options.duration {
            Some(duration) => sleep(duration).await,
            None => pending().await,
        }
    };
    observe::print(agent, attached, ledger, writer, &mut signals, over, Outgoing::default()).await
}
