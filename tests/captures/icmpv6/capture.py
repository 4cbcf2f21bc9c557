"""The same of ICMPv6: an echo, a neighbour solicitation with its advertisement, and a packet that was too big."""
from scapy.layers.inet6 import ICMPv6EchoReply, ICMPv6EchoRequest, ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6PacketTooBig

from files import SECOND, pcap
from packets import BEGIN, CLIENT_V6, SERVER_V6, datagram, ethernet, ip


def capture():
    packets = [
        (False, ip(version=6) / ICMPv6EchoRequest(id=1, seq=1)),
        (True, ip(True, version=6) / ICMPv6EchoReply(id=1, seq=1)),
        (False, ip(version=6) / ICMPv6ND_NS(tgt=SERVER_V6)),
        (True, ip(True, version=6) / ICMPv6ND_NA(tgt=CLIENT_V6)),
        (True, ip(True, version=6) / ICMPv6PacketTooBig(mtu=1280) / datagram(version=6)),
    ]
    return pcap(
        [
            (BEGIN + number * SECOND, ethernet(packet, is_answer))
            for number, (is_answer, packet) in enumerate(packets)
        ]
    )
