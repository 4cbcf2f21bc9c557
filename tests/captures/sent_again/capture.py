"""What was sent again counts as such, however long after: a SYN, data that was lost 5 s before, and a FIN."""
from files import pcap
from packets import segment


def capture():
    return pcap(
        [
            segment(0, False, "S", seq=100),
            segment(1000, False, "S", seq=100),
            segment(1010, True, "SA", seq=500, ack=101),
            segment(1020, False, "A", seq=101, ack=501),
            segment(1030, False, "PA", b"question", seq=101, ack=501),
            segment(6030, False, "PA", b"question", seq=101, ack=501),
            segment(6040, True, "A", seq=501, ack=109, window=0),
            segment(9040, True, "PA", b"an answer", seq=501, ack=109),
            segment(9050, False, "FA", seq=109, ack=510),
            segment(9060, True, "FA", seq=510, ack=110),
            segment(9360, True, "FA", seq=510, ack=110),
            segment(9370, False, "A", seq=110, ack=511),
        ]
    )
