//! The kernel's side, seen from user space: load, attach, read.

mod object;
