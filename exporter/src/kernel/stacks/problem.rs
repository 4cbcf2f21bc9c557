//! What a stack does not tell, said once.

use std::sync::Arc;

use super::conntrack::ConntrackError;
use super::sockets::SocketsError;
use crate::features::{Feature, Features};
use crate::kernel::namespaces::EnterError;
use crate::kernel::netlink::NetlinkError;

/// Why something is not known of who began flows.
#[derive(Debug, thiserror::Error)]
pub(super) enum Problem {
    #[error(transparent)]
    Sockets(#[from] SocketsError),
    #[error(transparent)]
    Conntrack(#[from] ConntrackError),
    #[error("cannot list the addresses of a network namespace: {0}")]
    Addresses(#[from] NetlinkError),
    #[error("cannot enter a network namespace to ask for its sockets: {0}")]
    Enter(#[from] EnterError),
}

/// The kinds of problems that were said.
#[derive(Debug, Default)]
pub(super) struct Said {
    kinds: Vec<std::mem::Discriminant<Problem>>,
    full: bool,
    /// Where it also is for metrics.
    pub(super) features: Arc<Features>,
}

impl Said {
    /// Once: it is the same each time.
    pub(super) fn problem(&mut self, problem: &Problem) {
        let kind = std::mem::discriminant(problem);
        if self.kinds.contains(&kind) {
            return;
        }
        self.kinds.push(kind);
        match problem {
            Problem::Sockets(_) => self.features.lacks(Feature::ListeningSocket),
            Problem::Conntrack(_) => self.features.lacks(Feature::Conntrack),
            // Of some namespaces: the others tell.
            Problem::Addresses(_) | Problem::Enter(_) => {}
        }
        match problem {
            Problem::Sockets(_) => tracing::warn!(
                cause = %problem,
                remedy = SocketsError::REMEDY,
                "who began a flow whose opening was not seen is told by its ports, or the first packet"
            ),
            Problem::Conntrack(_) => tracing::warn!(
                cause = %problem,
                remedy = ConntrackError::REMEDY,
                "who began a flow whose opening was not seen is told without connection tracking"
            ),
            Problem::Addresses(_) | Problem::Enter(_) => tracing::warn!(
                cause = %problem,
                remedy = "grant CAP_SYS_ADMIN and CAP_NET_ADMIN, and raise the limit of open files (ulimit -n)",
                "who began some flows whose opening was not seen is told by their ports, or the first packet"
            ),
        }
    }

    /// Once, as [`problem`](Self::problem).
    pub(super) fn left_out(&mut self, addresses: usize) {
        if addresses != 0 && !std::mem::replace(&mut self.full, true) {
            tracing::warn!(
                left_out = addresses,
                remedy = "raise --memory",
                "not all addresses of this machine's network namespaces find room: who began a flow may be told by weaker evidence"
            );
        }
    }
}
