"""SCTP has ports, and is one flow in both directions."""
from scapy.layers.sctp import SCTP, SCTPChunkInit, SCTPChunkInitAck

from files import pcap
from packets import BEGIN, SECOND, ethernet, ip, ports


def capture():
    request = ip() / SCTP(**ports()) / SCTPChunkInit()
    answer = ip(True) / SCTP(**ports(True)) / SCTPChunkInitAck()
    return pcap([(BEGIN, ethernet(request)), (BEGIN + SECOND, ethernet(answer, True))])
