//! Crafted packets through the real kernel programs (`BPF_PROG_TEST_RUN`): every count is compared with the slice parser's on
//! the same bytes, which the parser's own tests compare with what the packets really are.

mod captured;
mod catalogue;
mod filter;
mod losses;
mod payload;
mod quality;
mod sample;
mod sequence;
mod timestamps;

use std::process::ExitCode;

use abi::Direction;
use crafted::{Case, Device};
use exporter::kernel::PacketContext;
use flow_tests::harness;
use flow_tests::machine::Input;
use packet::Link;

fn main() -> ExitCode {
    harness::run_privileged([
        ("each_crafted_packet_counts_as_on_a_slice", catalogue::as_on_a_slice as fn() -> _),
        ("changed_packets_count_as_on_a_slice", catalogue::changed),
        ("fragments_join_the_first_ones_ports", sequence::fragments_join),
        ("a_later_fragment_that_comes_first_has_no_ports", sequence::later_fragment_first),
        ("fragments_of_two_directions_do_not_join", sequence::fragments_of_two_directions),
        ("a_flag_that_comes_late_is_kept", sequence::late_flag),
        ("each_ecn_codepoint_is_kept_and_the_first_dscp", sequence::ecn_and_dscp),
        ("keys_that_crowd_a_bucket_lose_no_packet", sequence::full_buckets),
        ("counts_go_beyond_32_bits", sequence::beyond_32_bits),
        ("a_reading_between_two_packets_loses_none", sequence::reading_between_packets),
        ("what_a_full_map_refuses_is_counted_as_overflow", sequence::full_map),
        ("a_rush_after_silence_takes_no_second_entries", sequence::rush_after_silence),
        ("losses_of_more_hooks_than_are_told_apart_add_up", losses::more_hooks_than_entries),
        ("the_room_of_a_hook_that_left_is_anothers", losses::room_of_a_hook_that_left),
        ("what_is_left_out_of_a_sample_is_what_the_rule_says", sample::as_the_rule_says),
        ("what_is_filtered_is_what_the_rules_say", filter::as_the_rules_say),
        ("the_last_of_many_rules_decides_as_the_first_does", filter::many_rules),
        ("what_is_filtered_at_many_hooks_adds_up", filter::many_hooks),
        ("programs_of_several_namespaces_filter_alike", filter::in_several_namespaces),
        ("a_handshake_is_noted_and_what_opens_it_again", sequence::handshake),
        ("what_is_sent_again_is_counted_as_by_its_numbers", quality::as_by_numbers),
        ("what_moves_between_cpus_is_not_sent_again", quality::between_cpus),
        ("an_entry_begins_without_what_another_left", quality::begins_empty),
        ("a_second_connection_in_one_entry_has_its_first_bytes_shipped", payload::of_a_second_connection),
        ("a_side_that_only_acknowledges_is_looked_at_no_longer", payload::of_who_acknowledges),
        ("bytes_from_the_middle_of_a_connection_are_not_shipped", payload::of_the_middle),
        ("a_round_trip_by_timestamps_is_between_two_segments", timestamps::between_segments),
        ("round_trips_by_timestamps_can_be_turned_off", timestamps::off),
        ("tcp_quality_can_be_turned_off", quality::off),
        ("frames_are_counted_as_they_were_captured", captured::as_captured),
        ("a_capture_s_handshake_has_the_capture_s_times", captured::handshakes),
        ("what_a_capture_s_sender_sends_again_is_known_however_late", captured::sent_again),
        ("an_opening_frame_waits_for_the_reading_of_the_old_connection", captured::held),
        ("frames_that_are_handed_over_together_count_as_each_by_itself", captured::together),
        ("the_last_packet_ends_the_observation", sequence::last_packet),
    ])
}

/// A case's packet at a hook. `None` for what the kernel does not take in a test run.
fn input(case: &Case, direction: Direction) -> Option<Input> {
    let context = PacketContext {
        gso_segs: case.offload.map_or(0, |offload| offload.segments),
        gso_size: case.offload.map_or(0, |offload| offload.segment_size),
        ..PacketContext::default()
    };
    let link = match case.device {
        Device::Ethernet => Link::Ethernet,
        Device::Ip => Link::Ip,
    };
    (case.tag_in_metadata.is_none() && case.frame.len() >= 14).then(|| Input {
        link,
        direction,
        bytes: case.frame.clone(),
        context,
    })
}
