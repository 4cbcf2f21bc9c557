"""A frame that was cut in its addresses has no flow; it counts, and a record without ends has it."""
from files import pcap
from packets import ethernet, exchange


def capture():
    return pcap(exchange(ethernet), kept=33)
