"""Two connections of the same addresses and ports, the second a moment after the first: two flows, although both are in one second."""
from files import pcap
from packets import connection


def capture():
    return pcap(connection(b"first", b"one") + connection(b"second", b"another", first=100))
