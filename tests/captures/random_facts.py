#!/usr/bin/python3
"""random_facts.py SEED FILE: a capture of TLS handshakes and DNS questions with random names, between each other's frames."""
import pathlib
import random
import sys

from scapy.layers.dns import DNS, DNSQR
from scapy.layers.inet import UDP

from files import SECOND, pcap
from hello import TLS_1_2, TLS_1_3, client_hello, server_hello
from packets import BEGIN, connection, ethernet, ip

CONVERSATIONS = 60
SPAN = 4000
TYPES = ["A", "AAAA", "MX", "TXT"]


def name(random):
    labels = ["".join(random.choices("abcXYZ019", k=random.randint(1, 20))) for _ in range(random.randint(1, 4))]
    return ".".join(labels) + ".example"


def question(random, port):
    """A question, and mostly its answer."""
    asked = DNSQR(qname=name(random), qtype=random.choice(TYPES))
    first = random.randrange(SPAN)
    is_answered = random.random() < 0.8
    times = [(first, False, 0)] + [(first + random.randrange(1, 500), True, random.choice([0, 2, 3, 5]))] * is_answered
    return [message(time, port, is_answer, asked, rcode) for time, is_answer, rcode in times]


def message(milliseconds, port, is_answer, asked, rcode):
    source, destination = (53, port) if is_answer else (port, 53)
    dns = DNS(id=port, qr=int(is_answer), qd=asked, rcode=rcode)
    packet = ip(is_answer) / UDP(sport=source, dport=destination) / dns
    return BEGIN + milliseconds * SECOND // 1000, ethernet(packet, is_answer)


def handshake(random, port):
    version = random.choice([TLS_1_2, TLS_1_3])
    hello = client_hello(name(random).encode())
    return connection(hello, server_hello(version), first=random.randrange(SPAN), port=port)


def main():
    seed, file = sys.argv[1:]
    source = random.Random(int(seed))
    # Each has a port of its own: the client's of DNS, the server's of TLS.
    kinds = [source.choice([question, handshake]) for _ in range(CONVERSATIONS)]
    frames = [frame for number, kind in enumerate(kinds) for frame in kind(source, 51_000 + number)]
    pathlib.Path(file).write_bytes(pcap(sorted(frames)))


main()
