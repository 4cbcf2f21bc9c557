"""A frame of Ethernet counts with its header; both directions are one flow, and a capture does not say its interface."""
from files import pcap
from packets import ethernet, exchange


def capture():
    return pcap(exchange(ethernet))
