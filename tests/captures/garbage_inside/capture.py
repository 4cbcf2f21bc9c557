"""A file that goes on as something else: what is before is printed, and the place is named."""
from files import pcap
from packets import ethernet, exchange


def capture():
    return pcap(exchange(ethernet)) + b"\xff" * 100
