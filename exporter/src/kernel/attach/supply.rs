//! Where the programs of a namespace come from.

use std::sync::Arc;

use crate::kernel::load::{LoadError, Programs, Sharing};

/// Programs that are loaded, or will be when the first interface needs one: most pods' namespaces never do, because the machine's
/// end of a pod's link is hooked.
#[derive(Debug)]
pub struct Supply(Kind);

#[derive(Debug)]
enum Kind {
    Loaded(Arc<Programs>),
    Later { sharing: Arc<Sharing>, scope: u32 },
}

impl Supply {
    /// To be loaded when they are needed.
    #[must_use]
    pub fn later(sharing: Arc<Sharing>, scope: u32) -> Self {
        Self(Kind::Later { sharing, scope })
    }

    pub(super) fn programs(&mut self) -> Result<Arc<Programs>, LoadError> {
        match &self.0 {
            Kind::Loaded(programs) => Ok(Arc::clone(programs)),
            Kind::Later { sharing, scope } => {
                let programs = Arc::new(sharing.programs(*scope)?);
                self.0 = Kind::Loaded(Arc::clone(&programs));
                Ok(programs)
            }
        }
    }
}

impl From<Arc<Programs>> for Supply {
    fn from(programs: Arc<Programs>) -> Self {
        Self(Kind::Loaded(programs))
    }
}
