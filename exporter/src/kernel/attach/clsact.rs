//! Hooks by filters on the clsact qdisc, for kernels without TCX. They outlive the process, so each can be known again.
//!
//! A filter is only ever touched by its exact priority, handle and kind. The qdisc goes if this program made it and nothing is
//! left on it; the kernel has no way to ask for both at once, so a filter that another adds within the microseconds between the
//! question and the removal would go with it.

use std::cell::RefCell;
use std::os::fd::BorrowedFd;
use std::rc::Rc;

use abi::Direction;
use netlink_sys::protocols::NETLINK_ROUTE;

use super::filter::{self, Filter};
use super::place::{self, Place};
use crate::kernel::instance::{self, InstanceLock};
use crate::kernel::netlink::{NetlinkError, Socket};

/// Others may take the chosen place between looking and adding.
const ATTEMPTS: usize = 4;
const DIRECTIONS: [Direction; 2] = [Direction::Ingress, Direction::Egress];

/// The traffic control of a network namespace.
pub(super) struct Clsact {
    socket: RefCell<Socket>,
    instance: Box<str>,
}

/// Why a filter could not be added.
#[derive(Debug, thiserror::Error)]
pub enum ClsactError {
    /// The kernel refuses.
    #[error(transparent)]
    Kernel(#[from] NetlinkError),
    /// The older qdisc in the place of clsact has no egress side.
    #[error("another program's `ingress` qdisc is in the place of clsact, and has no egress side")]
    IngressQdisc,
    /// Others have them all.
    #[error("no priority is free")]
    NoPriority,
}

/// What is in the place of the clsact qdisc.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Qdisc {
    /// Ours, made just now.
    Created,
    /// It was there.
    Clsact,
    /// The older kind: its filters run at ingress, whatever direction they are added to (`net/sched/sch_ingress.c`,
    /// `ingress_tcf_block`).
    Ingress,
}

/// A filter of ours.
pub(super) struct Hook {
    clsact: Rc<Clsact>,
    ifindex: u32,
    direction: Direction,
    place: Place,
    owns_qdisc: bool,
}

impl Clsact {
    /// For the network namespace of the calling thread.
    pub(super) fn open(instance: &str) -> Result<Self, NetlinkError> {
        Ok(Self { socket: RefCell::new(Socket::open(NETLINK_ROUTE)?), instance: instance.into() })
    }

    /// Adds the filter, or puts the program into the left-over of this instance. Says whether another program's filter is nearer
    /// to the wire.
    pub(super) fn attach(
        self: &Rc<Self>,
        program: BorrowedFd<'_>,
        ifindex: u32,
        direction: Direction,
    ) -> Result<(Hook, bool), ClsactError> {
        let qdisc = self.ensure_qdisc(ifindex)?;
        // The kernel would take the filter, and run it at ingress.
        if qdisc == Qdisc::Ingress && direction == Direction::Egress {
            return Err(ClsactError::IngressQdisc);
        }
        let created = qdisc == Qdisc::Created;
        let result = self.put(program, ifindex, direction, created);
        if result.is_err() && created {
            let _ = self.release_qdisc(ifindex);
        }
        result
    }

    /// Removes what a process of this instance left behind, or a temporary instance that has ended; `is_hook` knows what has to stay.
    pub(super) fn sweep(&self, is_hook: impl Fn(u32, Direction) -> bool) -> Result<usize, NetlinkError> {
        let mut removed = 0;
        for (ifindex, direction) in self.sides()? {
            removed += self.sweep_side(ifindex, direction, is_hook(ifindex, direction))?;
        }
        Ok(removed)
    }

    /// Whether there is a filter of this instance. Before the first hook: whether a process of this instance was killed.
    pub(super) fn has_own(&self) -> Result<bool, NetlinkError> {
        for (ifindex, direction) in self.sides()? {
            let filters = self.filters(ifindex, direction)?;
            if filters.iter().any(|filter| place::instance(filter) == Some(&self.instance)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Where there can be filters.
    fn sides(&self) -> Result<Vec<(u32, Direction)>, NetlinkError> {
        let qdiscs = self.socket.borrow_mut().dump(&filter::list_qdiscs(), |kind, body| {
            (kind == filter::RTM_NEWQDISC).then(|| filter::filterable(body)).flatten()
        })?;
        let sides = |(ifindex, directions): (u32, &'static [Direction])| {
            directions.iter().map(move |&direction| (ifindex, direction))
        };
        Ok(qdiscs.into_iter().flat_map(sides).collect())
    }

    fn sweep_side(&self, ifindex: u32, direction: Direction, is_hook: bool) -> Result<usize, NetlinkError> {
        let mut removed = 0;
        for filter in self.filters(ifindex, direction)? {
            let Some(owner) = place::instance(&filter) else { continue };
            // Whoever can lock the name of an instance knows that it has ended. The lock keeps it from starting meanwhile.
            let lock = (instance::is_temporary(owner) && *owner != *self.instance)
                .then(|| InstanceLock::acquire(owner))
                .transpose();
            let is_left_over = if *owner == *self.instance { !is_hook } else { matches!(lock, Ok(Some(_))) };
            if is_left_over {
                let owns_qdisc = place::qdisc_is_ours(std::slice::from_ref(&filter));
                self.remove(ifindex, direction, filter.priority, filter.handle, owns_qdisc)?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    fn put(
        self: &Rc<Self>,
        program: BorrowedFd<'_>,
        ifindex: u32,
        direction: Direction,
        created: bool,
    ) -> Result<(Hook, bool), ClsactError> {
        let mut attempt = 1;
        loop {
            let filters = self.filters(ifindex, direction)?;
            let opposite = self.filters(ifindex, opposite(direction))?;
            let owns_qdisc = created || place::qdisc_is_ours(&filters) || place::qdisc_is_ours(&opposite);
            let place = place::choose(&filters, direction, &self.instance).ok_or(ClsactError::NoPriority)?;
            let name = place::name(&self.instance, owns_qdisc);
            let address = (place.priority, place.handle);
            let request = filter::put(ifindex, direction, address, place.taken_over, program, &name);
            let result = self.socket.borrow_mut().execute(request);
            match result {
                Ok(()) => {
                    let shadowed = place::is_shadowed(&filters, direction, place.priority);
                    return Ok((
                        Hook { clsact: Rc::clone(self), ifindex, direction, place, owns_qdisc },
                        shadowed,
                    ));
                }
                Err(error)
                    if attempt < ATTEMPTS
                        && matches!(error.errno(), Some(libc::EEXIST | libc::EINVAL | libc::EAGAIN)) =>
                {
                    attempt += 1;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn ensure_qdisc(&self, ifindex: u32) -> Result<Qdisc, NetlinkError> {
        let mut socket = self.socket.borrow_mut();
        match socket.execute(filter::create_qdisc(ifindex)) {
            Ok(()) => return Ok(Qdisc::Created),
            Err(error) if error.errno() == Some(libc::EEXIST) => {}
            Err(error) => return Err(error),
        }
        match socket.execute(filter::find_qdisc(ifindex)) {
            Ok(()) => Ok(Qdisc::Clsact),
            Err(error) if matches!(error.errno(), Some(libc::EINVAL | libc::ENOENT)) => Ok(Qdisc::Ingress),
            Err(error) => Err(error),
        }
    }

    fn remove(
        &self,
        ifindex: u32,
        direction: Direction,
        priority: u16,
        handle: u32,
        owns_qdisc: bool,
    ) -> Result<(), NetlinkError> {
        let result = self.socket.borrow_mut().execute(filter::remove(ifindex, direction, priority, handle));
        match result {
            Err(error) if !is_gone(&error) => return Err(error),
            _ => {}
        }
        if owns_qdisc { self.release_qdisc(ifindex) } else { Ok(()) }
    }

    /// Removes the qdisc if nobody uses it.
    fn release_qdisc(&self, ifindex: u32) -> Result<(), NetlinkError> {
        for direction in DIRECTIONS {
            match self.filters(ifindex, direction) {
                Ok(filters) if filters.is_empty() => {}
                Err(error) if !is_gone(&error) => return Err(error),
                _ => return Ok(()),
            }
        }
        let result = self.socket.borrow_mut().execute(filter::remove_qdisc(ifindex));
        result.or_else(|error| if is_gone(&error) { Ok(()) } else { Err(error) })
    }

    fn filters(&self, ifindex: u32, direction: Direction) -> Result<Vec<Filter>, NetlinkError> {
        self.socket.borrow_mut().dump(&filter::list(ifindex, direction), |kind, body| {
            (kind == filter::RTM_NEWTFILTER).then(|| Filter::read(body)).flatten()
        })
    }
}

impl Hook {
    /// Removes the filter, and the qdisc if it may go.
    pub(super) fn detach(self) -> Result<(), NetlinkError> {
        let Self { clsact, ifindex, direction, place, owns_qdisc } = self;
        clsact.remove(ifindex, direction, place.priority, place.handle, owns_qdisc)
    }

    /// Whether the filter is where it was put.
    pub(super) fn is_there(&self) -> bool {
        self.clsact.filters(self.ifindex, self.direction).is_ok_and(|filters| {
            filters.iter().any(|filter| {
                place::instance(filter) == Some(&self.clsact.instance)
                    && (filter.priority, filter.handle) == (self.place.priority, self.place.handle)
            })
        })
    }
}

/// The interface, its qdisc or the filter is not there any more, which is what was wanted.
fn is_gone(error: &NetlinkError) -> bool {
    matches!(error.errno(), Some(libc::ENODEV | libc::ENOENT | libc::EINVAL))
}

fn opposite(direction: Direction) -> Direction {
    match direction {
        Direction::Ingress => Direction::Egress,
        Direction::Egress => Direction::Ingress,
    }
}
