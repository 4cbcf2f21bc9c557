//! The program itself, on real interfaces: what it prints and exports is what crossed them.

mod collector;
mod exact;
mod exits;
mod lifetime;
mod metrics;
mod output;

use std::process::ExitCode;

use flow_tests::harness::{Test, run_privileged};
use flow_tests::{program, topology};

fn main() -> ExitCode {
    let tests: [Test; 33] = [
        ("udp_in_both_directions_is_counted_to_the_byte", exact::udp),
        ("ipv6_is_counted_to_the_byte", exact::udp_over_ipv6),
        ("a_segmented_tcp_stream_counts_as_its_frames_on_the_wire", exact::tcp_with_segmentation),
        ("a_tcp_stream_without_offloads_counts_as_the_interface_does", exact::tcp_without_offloads),
        ("what_overflows_the_map_is_told_and_adds_up", exact::overflow),
        ("ten_million_packets_under_constant_flips", exact::ten_million),
        ("a_connection_has_one_oriented_flow_that_ends_once", exact::one_connection),
        ("an_interface_that_left_is_in_the_balance", lifetime::interface),
        ("a_collector_receives_what_was_sent", collector::receives),
        ("a_collector_receives_over_http", collector::receives_over_http),
        ("a_collector_receives_what_is_compressed", collector::receives_compressed),
        ("a_collector_receives_over_mutual_tls", collector::receives_over_mutual_tls),
        ("a_collector_that_comes_late_still_receives", collector::comes_late),
        ("a_collector_takes_configurations_for_users", collector::takes_configurations_for_users),
        ("metrics_say_what_the_records_say", metrics::equal_records),
        ("metrics_go_without_records_where_only_they_are_wanted", metrics::alone),
        ("metrics_go_beside_printed_flows", metrics::beside_print),
        ("metrics_arrive_at_a_collector_that_comes_late", metrics::to_a_late_collector),
        ("metrics_can_be_turned_off", metrics::off),
        ("wrong_usage_exits_64", exits::usage),
        ("wrong_configuration_exits_78", exits::configuration),
        ("an_export_that_is_off_observes_nothing", exits::disabled),
        ("an_empty_variable_is_none", exits::variables),
        ("without_privilege_it_exits_77_with_the_remedy", exits::privilege),
        ("a_closed_pipe_ends_the_output_quietly", exits::closed_pipe),
        ("a_full_device_exits_74_and_nothing_counts_as_delivered", output::full_device),
        ("stalled_output_holds_up_neither_hooks_nor_the_end", output::stalled),
        ("a_second_signal_ends_it_at_once", output::second_signal),
        ("a_slow_reader_gets_everything", output::slow),
        ("where_nothing_comes_it_says_what_it_waits_for", output::quiet),
        ("an_interface_that_comes_late_is_announced", output::late),
        ("an_instance_name_that_is_taken_exits_69", exits::instance),
        ("check_says_that_run_works", exits::check),
    ];
    run_privileged(tests)
}
