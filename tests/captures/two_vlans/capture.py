"""A VLAN does not make another flow: one flow of all packets, with the tag of its first frame."""
from scapy.layers.l2 import Dot1Q

from files import SECOND, pcap
from packets import BEGIN, datagram, ethernet


def capture():
    vlans = [100] * 3 + [200] * 5
    return pcap(
        [
            (BEGIN + number * SECOND // 1000, ethernet(Dot1Q(vlan=vlan) / datagram()))
            for number, vlan in enumerate(vlans)
        ]
    )
