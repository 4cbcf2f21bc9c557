"""Linux cooked, version 2: what crosses two interfaces of a machine counts once, at the one where it was seen first."""
from files import COOKED_2, pcap
from packets import cooked_2, exchange


def capture():
    def second(packet, is_answer):
        return cooked_2(packet, is_answer, ifindex=7)

    def tunnelled(packet, is_answer):
        return cooked_2(packet, is_answer, device=0xFFFE)

    # The same microsecond: the first in the file is the first.
    both = [frame for frames in zip(exchange(cooked_2), exchange(second)) for frame in frames]
    return pcap(both + exchange(tunnelled, version=6), link=COOKED_2)
