//! What only an interface can do to a packet: tags in the metadata, headers outside the linear part, segments.

mod big_tcp;
mod frames;
mod segments;

use std::process::ExitCode;

use flow_tests::harness;

fn main() -> ExitCode {
    harness::run_privileged([
        ("each_crafted_frame_counts_alike_at_both_ends_of_a_cable", frames::at_both_ends as fn() -> _),
        ("a_device_without_link_layer_counts_ip_packets", frames::without_link_layer),
        ("headers_outside_the_linear_part_are_read", frames::outside_the_linear_part),
        ("a_virtio_frame_counts_as_the_segments_it_becomes", segments::cut_by_the_kernel),
        ("a_tap_frame_counts_as_its_segments", segments::from_a_tap),
        ("a_tcp_stream_counts_as_its_segments", big_tcp::ordinary),
        ("big_tcp_over_ipv4_counts_as_its_segments", big_tcp::over_ipv4),
        ("big_tcp_over_ipv6_counts_as_its_segments", big_tcp::over_ipv6),
    ])
}
