//! Which packets the user wants to see, and of which flows. What is left out is counted by hook, and has no entry.
//!
//! These ways are those of programs of their own ([`crate::main`]): without a filter no packet meets an instruction of them.

use core::arch::asm;

use abi::captured::outcome;
use abi::{Direction, FilterRule, FilterSubject, LossKey, LossSlot, PackedKey, Reason, control, is_chosen};
use aya_ebpf::helpers::generated::bpf_get_smp_processor_id;
use aya_ebpf::programs::TcContext;
use packet::{Link, Packet, Reject, Wire};

use crate::account;
use crate::globals::constant;
use crate::maps::LOSS_SLOTS;
use crate::{NEXT, fragments, headers, hook, losses};

/// Set by user space before the program is loaded.
#[unsafe(no_mangle)]
static FILTER_LEN: u32 = 0;

/// Set by user space before the program is loaded.
#[unsafe(no_mangle)]
static FILTER_RULES: [FilterRule; FilterRule::MAX as usize] = [FilterRule::EVERY; FilterRule::MAX as usize];

/// Set by user space before the program is loaded, with the size of [`LOSS_SLOTS`].
#[unsafe(no_mangle)]
static LOSS_SLOTS_PER_GENERATION: u32 = 0;

/// Set by user space before the program is loaded: of so many flows, one is counted.
#[unsafe(no_mangle)]
static SAMPLE: u32 = 1;

/// Counts a packet as a flow's, or as one that is left out. What belongs to no flow is counted as ever: a rule says nothing of it.
#[inline(always)]
pub(crate) fn observe(context: &TcContext, link: Link, direction: Direction) -> i32 {
    if constant(&FILTER_LEN) == 0 {
        return crate::observe::<true>(context, link, direction);
    }
    outcome(context, link, direction);
    NEXT
}

/// As [`observe`], and says what became of it.
#[inline(always)]
pub(crate) fn outcome(context: &TcContext, link: Link, direction: Direction) -> u32 {
    let read = match headers::again(context, link, direction) {
        Some(_) => Ok(()),
        None => headers::any(context, link, direction),
    };
    match read {
        Ok(()) => decide(context, direction),
        Err(reject) => {
            losses::add(context, direction, reject);
            match reject {
                Reject::NotIp => outcome::LEFT_OUT,
                Reject::Malformed | Reject::OutOfReach => outcome::MALFORMED,
            }
        }
    }
}

/// Not inlined, as it is large and there are four programs.
#[inline(never)]
fn decide(context: &TcContext, direction: Direction) -> u32 {
    let Some(packet) = headers::parsed() else { return outcome::LEFT_OUT };
    // First: a later fragment has the ports of the first one, whatever is decided.
    fragments::follow(packet);
    let wire = Wire::of(packet, hook::size(context, &hook::metadata(context, direction)));
    let reason = if constant(&FILTER_LEN) != 0 && rejects(packet) {
        Reason::Filtered
    } else if is_sampled_out(&packet.key) {
        Reason::SampledOut
    } else {
        return crate::count(context, packet, wire).outcome();
    };
    leave_out(&packet.key, wire, reason);
    outcome::LEFT_OUT
}

/// Whether a flow is one of those that are not counted.
#[inline(always)]
pub(crate) fn is_sampled_out(key: &PackedKey) -> bool {
    constant(&SAMPLE) > 1 && !is_chosen(key, constant(&SAMPLE))
}

/// Whether the first rule that fits rejects it. What none fits is accepted. Not inlined: its registers are its own.
#[inline(never)]
fn rejects(packet: &Packet) -> bool {
    let subject = FilterSubject::of(&packet.key);
    let mut at = 0;
    // The number is read each time, or the compiler would compare addresses, of which the verifier knows less.
    while at < constant(&FILTER_LEN) {
        let rule = rule(at);
        if rule.fits(&subject) {
            return rule.rejects != 0;
        }
        at += 1;
    }
    false
}

#[inline(always)]
#[expect(clippy::pointers_in_nomem_asm_block, reason = "it moves the address, and does not follow it")]
fn rule(at: u32) -> &'static FilterRule {
    let mut rules = &raw const FILTER_RULES;
    // SAFETY: a move of a register to itself. The compiler no longer knows what it points to, and so does not fold the values that
    // user space replaces.
    unsafe { asm!("{rules} = {rules}", rules = inout(reg) rules, options(pure, nomem, nostack)) };
    // SAFETY: a read-only global, and user space counts at most as many rules as it has.
    unsafe { &*rules.cast::<FilterRule>().add(at as usize) }
}

/// Counts a packet that is left out.
#[inline(always)]
pub(crate) fn leave_out(key: &PackedKey, wire: Wire, reason: Reason) {
    let LossKey { ifindex, scope, direction, reason, .. } = losses::key(key, reason);
    count_left_out(ifindex, scope, u32::from(direction) << 8 | u32::from(reason), wire.bytes, wire.packets);
}

/// From words alone: what the packet needed up to here stays in registers. Mostly without a call of the kernel, or this would cost
/// more than an entry. Global: see [`crate`].
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn count_left_out(
    ifindex: u32,
    scope: u32,
    direction_and_reason: u32,
    bytes: u32,
    packets: u32,
) -> u32 {
    let [reason, direction, ..] = direction_and_reason.to_le_bytes();
    let key = LossKey { ifindex, scope, direction, reason, pad: 0 };
    let (packets, bytes) = (u64::from(packets), u64::from(bytes));
    // SAFETY: reading a number.
    let cpu = unsafe { bpf_get_smp_processor_id() };
    let Some(slot) = slot(&key, cpu) else {
        losses::grow(key, packets, bytes);
        return 0;
    };
    // SAFETY: the map gave out this CPU's slot, and programs of a hook do not interrupt each other on a CPU. User space reads it
    // when no program can have it any more.
    let slot = unsafe { &mut *slot };
    if slot.tally.packets == 0 {
        slot.key = key;
    } else if slot.key != key {
        losses::grow(key, packets, bytes);
        return 0;
    }
    slot.tally.packets += packets;
    slot.tally.bytes += bytes;
    0
}

/// The place for what is left out at a hook on a CPU. `None` for a CPU that user space does not know of.
#[inline(always)]
fn slot(key: &LossKey, cpu: u32) -> Option<*mut LossSlot> {
    let hook = (key.ifindex << 1 | u32::from(key.direction)) ^ key.scope << 3 ^ u32::from(key.reason) << 4;
    let within = cpu * LossSlot::PER_CPU + hook % LossSlot::PER_CPU;
    let slots = constant(&LOSS_SLOTS_PER_GENERATION);
    if within >= slots {
        return None;
    }
    LOSS_SLOTS.get_ptr_mut(control::generation(account::control()) * slots + within)
}
