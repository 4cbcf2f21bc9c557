"""A file of the other byte order has the same flows."""
from files import BIG, pcap
from packets import ethernet, exchange


def capture():
    return pcap(exchange(ethernet), order=BIG)
