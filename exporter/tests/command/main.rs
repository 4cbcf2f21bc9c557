//! The program itself, on real interfaces: what it prints and exports is what crossed them.

mod captures;
mod collector;
mod connection;
mod dns;
mod drops;
mod exact;
mod exits;
mod facts;
mod faults;
mod filter;
mod icmp;
mod lifetime;
mod long_hello;
mod metrics;
mod networks;
mod orientation;
mod origins;
mod output;
mod own_traffic;
mod path;
mod pods;
mod proxy;
mod quality;
mod quic;
mod quic_stack;
mod replay;
mod sample;
mod states;
mod telemetry;
mod timestamps;
mod tshark;
mod tshark_facts;
mod tshark_tcp;
mod ways;

use std::process::ExitCode;

use flow_tests::harness::{Test, run_privileged};
use flow_tests::{program, topology};

#[expect(clippy::too_many_lines, reason = "it is a list")]
fn main() -> ExitCode {
    let tests: [Test; 125] = [
        ("udp_in_both_directions_is_counted_to_the_byte", exact::udp),
        ("ipv6_is_counted_to_the_byte", exact::udp_over_ipv6),
        ("a_segmented_tcp_stream_counts_as_its_frames_on_the_wire", exact::tcp_with_segmentation),
        ("a_tcp_stream_without_offloads_counts_as_the_interface_does", exact::tcp_without_offloads),
        ("what_overflows_the_map_is_told_and_adds_up", exact::overflow),
        ("ten_million_packets_under_constant_flips", exact::ten_million),
        ("a_filter_takes_both_directions_of_a_conversation", filter::both_directions),
        ("a_stream_is_left_out_to_the_packet", filter::stream_is_left_out),
        ("a_filter_of_many_rules_comes_from_the_environment", filter::many_rules),
        ("the_flows_of_a_sample_are_chosen_by_a_rule_and_are_whole", sample::chosen),
        ("without_a_sample_all_flows_are_counted", sample::none),
        ("a_capture_has_a_sample_too", replay::sampled),
        ("a_capture_is_filtered_as_an_interface_is", replay::filtered),
        ("a_connection_has_one_oriented_flow_that_ends_once", exact::one_connection),
        ("what_crosses_a_router_counts_once_and_has_a_path", path::through_a_router),
        ("what_crosses_a_bridge_counts_once_at_its_port", path::over_a_bridge),
        ("what_a_router_drops_is_lost_between_its_hooks", path::loses_some),
        ("the_path_is_left_out_on_request", path::left_out),
        ("what_crosses_pods_and_a_router_counts_once_and_its_path_has_each_hook", pods::chain),
        ("a_pods_second_interface_has_flows_of_its_own", pods::second_interface),
        ("many_short_connections_through_pods_count_once_each", pods::many_connections),
        ("a_flow_that_takes_another_route_counts_all_its_packets", ways::other_route),
        ("a_hook_that_goes_and_comes_back_loses_nothing", ways::hook_that_returns),
        ("equal_conversations_at_two_switches_count_both", ways::two_switches),
        ("what_a_pod_passes_from_switch_to_switch_counts_once", ways::router_between_switches),
        ("what_a_switch_sends_back_counts_once", ways::hairpin),
        ("what_a_switch_copies_counts_once", ways::copies),
        ("what_is_equal_in_two_isolated_networks_is_two_flows", networks::isolated),
        ("the_first_bytes_of_two_networks_are_told_apart", networks::first_bytes),
        ("what_is_dropped_in_one_of_two_networks_is_told_of_its_flow", networks::drops),
        ("what_namespaces_say_to_themselves_is_told_apart", networks::loopback),
        ("a_network_that_joins_the_machine_keeps_its_flows", networks::joined),
        ("a_connection_to_a_delayed_backend_has_its_round_trip", connection::delayed_backend),
        ("a_connection_of_a_delayed_client_has_its_round_trip", connection::delayed_client),
        ("a_connection_that_is_refused_says_so", connection::refused),
        ("a_connection_that_is_reset_says_so", connection::reset),
        ("a_connection_that_nobody_answers_times_out", connection::timed_out),
        ("a_connection_that_one_side_reset_says_which", states::reset_side),
        ("a_connection_that_is_half_open_says_so", states::half_open),
        ("a_connection_that_is_half_closed_says_so", states::half_closed),
        ("a_connection_that_lives_has_the_round_trip_of_its_socket", quality::round_trip),
        ("a_socket_tells_what_was_sent_again", quality::of_a_socket),
        ("where_packets_are_forwarded_their_numbers_tell_what_was_sent_again", quality::forwarded),
        ("a_connection_that_is_forwarded_has_its_round_trip_by_timestamps", timestamps::forwarded),
        ("round_trips_by_timestamps_are_left_out_on_request", timestamps::off),
        ("tcp_quality_is_left_out_on_request", quality::off),
        ("metrics_count_each_connection_once", connection::metrics),
        ("after_a_restart_a_listening_socket_tells_who_began", orientation::restart),
        ("a_socket_listens_at_all_addresses", orientation::all_addresses),
        ("who_began_through_a_router_is_told_by_ports", orientation::through_a_router),
        ("connection_tracking_tells_who_began", orientation::conntrack),
        (
            "connection_tracking_tells_who_began_behind_a_translation",
            orientation::conntrack_behind_a_translation,
        ),
        ("connection_tracking_that_began_late_does_not_tell", orientation::conntrack_that_began_late),
        ("a_udp_server_that_answers_did_not_begin", orientation::datagrams),
        ("the_listening_socket_of_a_pod_tells_who_began", origins::listening_pod),
        ("the_listening_socket_of_another_pod_does_not_tell", origins::other_pod),
        ("an_address_that_two_pods_of_a_network_have_does_not_tell", origins::same_address),
        ("an_address_that_a_pod_gets_late_tells", origins::late_address),
        ("pods_of_no_machine_tell_who_began", origins::chain),
        ("the_connection_tracking_of_another_namespace_tells_who_began", origins::tracking_router),
        ("pods_that_come_and_go_while_they_are_asked_leave_nothing", origins::come_and_go),
        ("a_tls_handshake_says_name_version_and_protocols", facts::tls),
        ("a_connection_without_tls_says_so", facts::without_tls),
        ("bytes_from_the_middle_of_a_connection_say_nothing", facts::from_the_middle),
        ("a_hello_with_a_post_quantum_key_share_is_tls_with_a_name_if_that_comes_early", long_hello::says),
        ("a_tls_handshake_in_pieces_is_counted_as_incomplete", facts::cut),
        ("a_quic_connection_says_the_version_of_its_answer", quic::versions),
        ("a_connection_of_a_quic_stack_is_told_and_counted_to_the_datagram", quic_stack::connections),
        ("a_question_to_dns_says_its_answer_and_how_long_it_took", dns::answers),
        ("a_question_to_dns_that_passes_two_hooks_is_timed_once", dns::at_two_hooks),
        ("each_question_to_dns_of_a_flow_is_told", dns::several_questions),
        ("a_question_to_dns_over_tcp_comes_in_whatever_segments", dns::over_tcp),
        ("packets_that_are_dropped_are_told_with_the_reason_to_the_packet", drops::seen),
        ("what_is_dropped_while_the_kernel_is_read_is_told_to_the_packet", drops::readings),
        ("what_a_full_socket_does_not_take_is_told", drops::full_socket),
        ("a_flow_that_is_dropped_before_an_interface_sees_it_is_told_on_request", drops::unseen),
        ("dropped_packets_are_left_out_on_request", drops::off),
        ("a_port_without_a_socket_is_told_by_its_host", icmp::no_port),
        ("a_packet_that_may_go_no_further_is_told_by_the_router", icmp::hop_limit),
        ("a_connection_to_where_there_is_no_way_says_so", icmp::no_route),
        ("captures_of_every_kind_have_their_flows", captures::as_expected),
        ("a_capture_gets_no_more_memory_than_there_is", replay::too_much_memory),
        ("random_captures_add_up_as_tshark_has_them", tshark::same_sums),
        ("random_captures_say_what_tshark_reads", tshark_facts::same_facts),
        ("random_connections_lose_what_tshark_says", tshark_tcp::same_disorder),
        ("a_capture_at_the_sender_has_what_its_socket_sent_again", tshark_tcp::as_the_socket),
        ("an_interface_that_left_is_in_the_balance", lifetime::interface),
        ("more_interfaces_than_a_shell_allows_descriptors_are_hooked", lifetime::many_interfaces),
        ("a_collector_receives_what_was_sent", collector::receives),
        ("a_collector_receives_over_http", collector::receives_over_http),
        ("a_collector_receives_what_is_compressed", collector::receives_compressed),
        ("a_collector_receives_at_a_unix_socket", collector::receives_at_a_socket),
        ("a_collector_receives_over_mutual_tls", collector::receives_over_mutual_tls),
        ("a_collector_receives_through_the_tunnel_of_a_proxy", proxy::tunnel_to_collector),
        ("no_proxy_leads_round_the_proxy", proxy::without),
        ("a_collector_that_comes_late_still_receives", collector::comes_late),
        ("a_collector_that_refuses_and_is_killed_gets_everything", faults::refused_and_killed),
        ("the_agents_own_export_is_not_reported", own_traffic::excluded),
        ("the_agents_own_export_is_reported_on_request", own_traffic::reported),
        ("a_collector_takes_configurations_for_users", collector::takes_configurations_for_users),
        ("metrics_say_what_the_records_say", metrics::equal_records),
        ("metrics_say_what_the_records_say_was_sent_again", metrics::sent_again),
        ("metrics_go_without_records_where_only_they_are_wanted", metrics::alone),
        ("metrics_go_beside_printed_flows", metrics::beside_print),
        ("metrics_arrive_at_a_collector_that_comes_late", metrics::to_a_late_collector),
        ("metrics_can_be_turned_off", metrics::off),
        ("what_the_agent_says_of_itself_equals_its_balance", telemetry::equals_balance),
        ("the_agent_can_be_told_to_say_nothing_of_itself", telemetry::off),
        ("readiness_follows_what_arrives_at_a_collector", telemetry::readiness),
        ("an_agent_that_observes_nothing_answers_probes", telemetry::idle),
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
        ("a_listener_s_address_that_is_taken_exits_69", exits::listener),
        ("check_says_that_run_works", exits::check),
    ];
    run_privileged(tests)
}
