"""No silence ends a flow, unless an option says so: 20 s between datagrams, and 11 minutes in a connection."""
from files import SECOND, pcap
from packets import BEGIN, datagram, ethernet, segment


def capture():
    frames = [(BEGIN, ethernet(datagram())), (BEGIN + 20 * SECOND, ethernet(datagram()))]
    frames += [segment(after * 60_000, False, "A", seq=1, ack=1) for after in (0, 11)]
    return pcap(sorted(frames))
