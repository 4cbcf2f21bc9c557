"""A frame with two tags (IEEE 802.1ad)."""
from scapy.layers.l2 import Dot1AD, Dot1Q

from files import pcap
from packets import ethernet, exchange


def capture():
    def tagged(packet, is_answer):
        return ethernet(Dot1AD(vlan=200) / Dot1Q(vlan=300) / packet, is_answer)

    return pcap(exchange(tagged, version=6))
