"""A connection that was refused, seen from the side of the client."""
from files import pcap
from packets import segment


def capture():
    return pcap(
        [
            segment(0, False, "S"),
            segment(5, True, "RA"),
        ]
    )
