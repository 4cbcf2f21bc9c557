"""Frames whose headers contradict themselves, among others of the same second: their record begins with the first of them."""
from files import SECOND, pcap
from packets import BEGIN, datagram, ethernet


def capture():
    whole = ethernet(datagram())
    # An IP header without room for itself.
    broken = whole[:14] + b"\x44" + whole[15:]
    frames = [whole, broken, broken, whole]
    return pcap([(BEGIN + number * SECOND // 10, frame) for number, frame in enumerate(frames)])
