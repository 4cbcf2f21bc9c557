//! What becomes of packets that are in no observation.

use abi::Reason;

use crate::flow::{OtherReason, RecordSink, Unattributed};
use crate::kernel::Loss;
use crate::table::{FlowTable, Output};

/// Accounts for them, and has a record written of those that are IP.
pub(super) fn account<S: RecordSink>(loss: &Loss, table: &mut FlowTable, out: &mut Output<'_, S>) {
    let &Loss { hook, reason, counts } = loss;
    let reason = match reason {
        Reason::NotIp => return out.ledger.not_ip(hook, counts),
        Reason::Filtered => return out.ledger.filtered(hook, counts),
        Reason::SampledOut => return out.ledger.sampled_out(hook, counts),
        Reason::Overflow => OtherReason::Overflow,
        Reason::Malformed => OtherReason::Malformed,
    };
    table.apply_unattributed(&Unattributed { hook, reason, counts }, out);
}
