//! What is opened in a network namespace when it is needed, and closed again.

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use super::problem::Problem;
use crate::kernel::namespaces::inside;

/// What was read in a namespace, or asked for, is as good as new for this time.
pub(super) const FRESH: Duration = Duration::from_secs(5);
/// When what did not answer is tried again: trying may have the kernel look for a module.
const RETRY: Duration = Duration::from_mins(1);

/// Something that asks in a namespace.
pub(super) enum Slot<T> {
    Closed,
    Open {
        since: Instant,
        asks: T,
    },
    /// It does not answer, and would not at once.
    Failed {
        since: Instant,
    },
}

impl<T: Send + 'static> Slot<T> {
    pub(super) fn holding(asks: T) -> Self {
        Self::Open { since: Instant::now(), asks }
    }

    /// For what did not answer.
    pub(super) fn failed() -> Self {
        Self::Failed { since: Instant::now() }
    }

    /// What asks; opened by a thread inside that ends, or by this one where there is no way in because it is there. `None` if that
    /// failed a short time ago.
    pub(super) fn get<E>(
        &mut self,
        way: Option<&OwnedFd>,
        open: fn() -> Result<T, E>,
    ) -> Result<Option<&mut T>, Problem>
    where
        E: Send + 'static,
        Problem: From<E>,
    {
        self.close_old();
        if matches!(self, Self::Closed) {
            let opened = match way {
                Some(way) => inside(way, open)?,
                None => open(),
            };
            match opened {
                Ok(asks) => *self = Self::holding(asks),
                Err(error) => {
                    *self = Self::failed();
                    return Err(error.into());
                }
            }
        }
        Ok(match self {
            Self::Open { asks, .. } => Some(asks),
            Self::Closed | Self::Failed { .. } => None,
        })
    }

    /// A namespace has few descriptors of the agent's as long as nothing is asked.
    pub(super) fn close_old(&mut self) {
        let is_old = match self {
            Self::Closed => false,
            Self::Open { since, .. } => since.elapsed() >= FRESH,
            Self::Failed { since } => since.elapsed() >= RETRY,
        };
        if is_old {
            *self = Self::Closed;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::netlink::NetlinkError;

    const OPEN: fn() -> Result<u8, NetlinkError> = || Ok(2);
    const REFUSE: fn() -> Result<u8, NetlinkError> =
        || Err(std::io::Error::from(std::io::ErrorKind::PermissionDenied).into());

    #[test]
    fn what_was_opened_lately_is_asked_again() {
        let mut slot = Slot::holding(1);
        assert_eq!(slot.get(None, OPEN).unwrap(), Some(&mut 1));
        slot = Slot::Open { since: Instant::now().checked_sub(FRESH).unwrap(), asks: 1 };
        assert_eq!(slot.get(None, OPEN).unwrap(), Some(&mut 2));
    }

    #[test]
    fn what_failed_is_tried_again_later() {
        let mut slot = Slot::Closed;
        assert!(slot.get(None, REFUSE).is_err());
        assert_eq!(slot.get(None, OPEN).unwrap(), None, "it would fail again");
        slot = Slot::Failed { since: Instant::now().checked_sub(RETRY).unwrap() };
        assert_eq!(slot.get(None, OPEN).unwrap(), Some(&mut 2));
    }
}
