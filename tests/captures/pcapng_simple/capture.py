"""A simple packet of pcapng has no time of its own: it has that of the frame before."""
from files import ETHERNET, Section
from packets import BEGIN, datagram, ethernet


def capture():
    section = Section().interface(ETHERNET, "eth0", resolution=0x80 | 10)
    section.frame(0, BEGIN, ethernet(datagram()))
    return section.simple(ethernet(datagram(True), True)).file
