"""Link type 229: IPv6 at once."""
from files import pcap
from packets import bare, exchange


def capture():
    return pcap(exchange(bare, version=6), link=229)
