"""A pcapng file that ends in the middle of a block."""
from files import ETHERNET, Section
from packets import ethernet, exchange


def capture():
    section = Section().interface(ETHERNET, "eth0")
    for time, frame in exchange(ethernet):
        section.frame(0, time, frame)
    return section.file[:-1]
