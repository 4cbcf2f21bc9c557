"""Link type 0: a BSD loopback interface, in the byte order of the machine that captured; IPv6 is 30 on macOS."""
from files import BIG, LITTLE, NULL, pcap
from packets import exchange, loopback


def capture():
    def little(packet, _is_answer):
        return loopback(packet, LITTLE)

    def big(packet, _is_answer):
        return loopback(packet, BIG)

    return pcap(exchange(little) + exchange(big, version=6), link=NULL)
