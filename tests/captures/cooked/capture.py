"""Linux cooked, version 1: a frame of an Ethernet device counts 14 bytes of header, one of a TUN device (here IPv6) none."""
from files import COOKED, pcap
from packets import cooked, exchange


def capture():
    def tunnelled(packet, is_answer):
        return cooked(packet, is_answer, device=0xFFFE)

    return pcap(exchange(cooked) + exchange(tunnelled, version=6), link=COOKED)
