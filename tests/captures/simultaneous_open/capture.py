"""Both ends open a connection at the same time: one flow, from the end whose SYN came first. Once it is the one, once the other."""
from files import pcap
from packets import segment


def connection(begin, later, port):
    """Opened by both ends; `later` says whether the first SYN is not the client's."""
    steps = [(0, later, "S"), (10, not later, "S"), (20, later, "SA"), (30, not later, "SA")]
    steps += [(40, later, "PA"), (50, later, "FA"), (60, not later, "FA"), (70, later, "A")]
    return [segment(begin + after, is_answer, flags, port=port) for after, is_answer, flags in steps]


def capture():
    return pcap(connection(0, False, 443) + connection(100, True, 444))
