"""How long a connection took to open, in the capture's own time: 30 ms to the server, 10 ms to the client."""
from files import pcap
from packets import segment


def capture():
    return pcap(
        [
            segment(0, False, "S"),
            segment(30, True, "SA"),
            segment(40, False, "A"),
            segment(50, False, "PA"),
            segment(60, True, "FA"),
            segment(70, False, "FA"),
            segment(80, True, "A"),
        ]
    )
