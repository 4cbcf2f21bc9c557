"""Times are kept to the nanosecond where the file has them."""
from files import pcap
from packets import BEGIN, datagram, ethernet


def capture():
    return pcap([(BEGIN + 123, ethernet(datagram())), (BEGIN + 777, ethernet(datagram(True), True))], nanoseconds=True)
