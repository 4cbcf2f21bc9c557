"""A frame that was cut before its ports has a flow of its addresses."""
from files import pcap
from packets import ethernet, exchange


def capture():
    return pcap(exchange(ethernet), kept=36)
