"""A frame with a VLAN tag (IEEE 802.1Q): the tag counts, and the record has it."""
from scapy.layers.l2 import Dot1Q

from files import pcap
from packets import ethernet, exchange


def capture():
    def tagged(packet, is_answer):
        return ethernet(Dot1Q(vlan=100, prio=5) / packet, is_answer)

    return pcap(exchange(tagged))
