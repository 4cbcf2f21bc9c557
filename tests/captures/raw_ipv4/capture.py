"""Link type 228: IPv4 at once."""
from files import pcap
from packets import bare, exchange


def capture():
    return pcap(exchange(bare), link=228)
