"""Round trips while a connection lives, by its timestamps: 30 ms from the capture to the server and back, 10 ms to the client."""
from files import pcap
from packets import segment

EXCHANGES = 3


def capture():
    """Half a second between exchanges, so that each is timed."""
    frames = [segment(0, False, "S", seq=100), segment(30, True, "SA", seq=500, ack=101), segment(40, False, "A", seq=101, ack=501)]
    here, there = 101, 501
    for begin in range(500, 500 * (EXCHANGES + 1), 500):
        # A segment before, for each clock has to move on before it is timed.
        for at, is_answer, (own, echo), data in [
            (0, False, (begin, 0), b""),
            (10, False, (begin + 10, 0), b"question"),
            (40, True, (9000 + begin, begin + 10), b""),
            (41, True, (9000 + begin + 1, begin + 10), b"answer"),
            (51, False, (begin + 51, 9000 + begin + 1), b""),
        ]:
            sequence, acknowledged = (there, here) if is_answer else (here, there)
            options = [("NOP", None), ("NOP", None), ("Timestamp", (own, echo))]
            frames.append(segment(begin + at, is_answer, "A", data, seq=sequence, ack=acknowledged, options=options))
            if is_answer:
                there += len(data)
            else:
                here += len(data)
    return pcap(frames)
