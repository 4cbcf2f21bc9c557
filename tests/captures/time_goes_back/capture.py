"""Frames whose times go back: a flow's begin and end are those of its earliest and latest frame, and a handshake is told all the same."""
from files import SECOND, pcap
from packets import ethernet, exchange, segment


def capture():
    handshake = [segment(30, True, "SA", seq=500, ack=101), segment(0, False, "S", seq=100), segment(40, False, "A", seq=101, ack=501)]
    datagrams = [(time - 10 * SECOND, frame) for time, frame in exchange(ethernet)]
    return pcap(handshake + [datagrams[2], datagrams[0], datagrams[1]])
