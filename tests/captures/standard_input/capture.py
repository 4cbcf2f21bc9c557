"""A capture that comes by standard input."""
from files import pcap
from packets import ethernet, exchange


def capture():
    return pcap(exchange(ethernet))
