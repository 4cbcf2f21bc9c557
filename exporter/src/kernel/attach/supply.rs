//! Where the programs of a namespace come from.

use std::sync::Arc;

use crate::kernel::load::{LoadError, Programs};
use crate::kernel::spares::Spares;

/// Programs that are had, or will be when the first interface needs one: most pods' namespaces never do, because the machine's
/// end of a pod's link is hooked.
#[derive(Debug)]
pub struct Supply(Kind);

#[derive(Debug)]
enum Kind {
    Loaded(Arc<Programs>),
    Later { spares: Arc<Spares>, scope: u32 },
}

impl Supply {
    /// To be taken when they are needed.
    #[must_use]
    pub fn later(spares: Arc<Spares>, scope: u32) -> Self {
        Self(Kind::Later { spares, scope })
    }

    pub(super) fn programs(&mut self) -> Result<Arc<Programs>, LoadError> {
        match &self.0 {
            Kind::Loaded(programs) => Ok(Arc::clone(programs)),
            Kind::Later { spares, scope } => {
                let programs = Arc::new(spares.programs(*scope)?);
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
