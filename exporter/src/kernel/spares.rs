//! Programs that are loaded before the network namespace comes that needs them: the verifier takes as long as some pods live.

use std::io;
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::kernel::load::{LoadError, Programs, Sharing, Spare};
use crate::sync::lock;

/// Gives each further network namespace its programs, and has the next ones loaded meanwhile.
#[derive(Debug)]
pub struct Spares {
    sharing: Arc<Sharing>,
    /// What the loading thread has ready. Those who want programs at the same time wait in line.
    spares: Mutex<Receiver<Result<Spare, LoadError>>>,
}

impl Spares {
    /// Begins to load the first ones. The loading thread stays in the network namespace of the caller, so that has to be the agent's
    /// own.
    ///
    /// # Errors
    /// There is no thread.
    pub fn start(sharing: Arc<Sharing>) -> io::Result<Self> {
        // Without room in between: the thread holds one, and loads the next when that is taken.
        let (offer, spares) = sync_channel(0);
        let load = {
            let sharing = Arc::clone(&sharing);
            move || while offer.send(sharing.spare()).is_ok() {}
        };
        thread::Builder::new().name("spare".to_owned()).spawn(load)?;
        Ok(Self { sharing, spares: Mutex::new(spares) })
    }

    /// The programs for the hooks of a network namespace.
    ///
    /// # Errors
    /// [`LoadError`].
    pub fn programs(&self, scope: u32) -> Result<Programs, LoadError> {
        let spare = lock(&self.spares).recv();
        match spare {
            Ok(Ok(spare)) => spare.of(scope),
            // Why a load failed may be long over. And without the thread it goes on as well, only later.
            Ok(Err(_)) | Err(_) => self.sharing.programs(scope),
        }
    }
}
