"""A cooked frame that is not IP, of a device with a link layer and of one without."""
from files import COOKED_2, pcap
from packets import BEGIN, cooked_2, datagram


def capture():
    return pcap(
        [(BEGIN, cooked_2(datagram(), protocol=0x0806)), (BEGIN, cooked_2(datagram(), device=0xFFFE, protocol=0x88CC))],
        link=COOKED_2,
    )
