"""A link type that is not known is named, with those that are."""
from files import pcap
from packets import bare, exchange


def capture():
    # IEEE 802.15.4.
    return pcap(exchange(bare), link=195)
