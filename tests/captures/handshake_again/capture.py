"""A SYN that was sent again: which of the two was answered is not known, so only the time to connect is."""
from files import pcap
from packets import segment


def capture():
    return pcap(
        [
            segment(0, False, "S"),
            segment(1000, False, "S"),
            segment(1030, True, "SA"),
            segment(1040, False, "A"),
        ]
    )
