"""Two compressed files, one behind the other, are one."""
import gzip

from files import pcap
from packets import ethernet, exchange


def capture():
    file = pcap(exchange(ethernet))
    return gzip.compress(file[:100], mtime=0) + gzip.compress(file[100:], mtime=0)
