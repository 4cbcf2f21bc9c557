"""A frame that is not IP is in no flow, and is counted."""
from scapy.layers.l2 import ARP

from files import pcap
from packets import BEGIN, CLIENT, CLIENT_MAC, SERVER, datagram, ethernet


def capture():
    question = ARP(op=1, hwsrc=CLIENT_MAC, psrc=CLIENT, pdst=SERVER)
    return pcap([(BEGIN, ethernet(question)), (BEGIN, ethernet(datagram()))])
