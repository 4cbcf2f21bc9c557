//! What becomes of a flow whose connection is closed.

/// How long a closed connection may still get packets of one end if every drain brings some, in nanoseconds.
pub(super) const LINGER: u64 = 5_000_000_000;

/// What becomes of a closing flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Closing {
    /// More may come.
    Lingers,
    /// It is over.
    Ends,
    /// It is not over: both ends still talk.
    GoesOn,
}
