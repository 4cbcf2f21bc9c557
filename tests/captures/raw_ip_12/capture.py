"""Link type 12: what BSDs write for raw IP."""
from files import pcap
from packets import bare, exchange


def capture():
    return pcap(exchange(bare) + exchange(bare, version=6), link=12)
