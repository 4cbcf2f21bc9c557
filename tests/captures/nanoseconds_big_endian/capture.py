"""Nanoseconds in the other byte order."""
from files import BIG, pcap
from packets import BEGIN, datagram, ethernet


def capture():
    return pcap([(BEGIN + 123, ethernet(datagram()))], order=BIG, nanoseconds=True)
