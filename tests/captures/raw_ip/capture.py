"""Link type 101: IP at once, of both versions; its bytes are those of IP, as on an interface without a link layer."""
from files import RAW, pcap
from packets import bare, exchange


def capture():
    return pcap(exchange(bare) + exchange(bare, version=6), link=RAW)
