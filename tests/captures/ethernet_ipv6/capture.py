"""IPv6 in Ethernet."""
from files import pcap
from packets import ethernet, exchange


def capture():
    return pcap(exchange(ethernet, version=6))
