#!/usr/bin/python3
"""seeds.py FOLDER: writes inputs to begin with, in a folder for each target.

Frames and first bytes are those of tests/captures; the rest is written here, as the targets take it.
"""
import pathlib
import struct
import subprocess
import sys
import tempfile

from scapy.layers.inet import ICMP, TCP, UDP
from scapy.layers.inet6 import ICMPv6DestUnreach
from scapy.utils import PcapReader

CAPTURES = pathlib.Path(__file__).parent.parent / "tests" / "captures"

# Files that say which machine it is, in the order of the target, with an empty line between them.
HOST = [
    "6.12.0-1-amd64",
    "Name:\tx\nCapEff:\t000001ffffffffff",
    "         0          0 4294967295",
    "9:cpu,cpuacct:/a\n4:memory:/a\n0::/../pods/agent",
    "MemTotal:        8388608 kB\nMemFree: 1 kB",
    "Inter-| Receive\n face |bytes\n    lo: 1 2 3\n  eth0: 1 2 3",
    "1",
    "1048576",
]

SETTINGS = [
    "OTEL_EXPORTER_OTLP_ENDPOINT=https://user:word@collector.example:4318/v1?key=1\n"
    "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf\nOTEL_EXPORTER_OTLP_TIMEOUT=1000\n"
    "OTEL_EXPORTER_OTLP_HEADERS=Authorization=Bearer%20a%2Cb,x=1\nOTEL_EXPORTER_OTLP_COMPRESSION=gzip\n"
    "https_proxy=http://user:word@proxy.example:3128\nno_proxy=.internal,10.0.0.0/8",
    "OTEL_EXPORTER_OTLP_ENDPOINT=unix:///run/collector.sock\nOTEL_EXPORTER_OTLP_PROTOCOL=grpc",
    "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT=[::1]:4317\nOTEL_LOGS_EXPORTER=otlp\nOTEL_METRICS_EXPORTER=none",
    "OTEL_METRIC_EXPORT_INTERVAL=200\nOTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE=delta\n"
    "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION=base2_exponential_bucket_histogram",
    "accept tcp 10.0.0.0/8 <-> any port 443; reject udp port 8000-8999\nreject ipv6 fd00::/8",
    "reject protocol 47 192.0.2.1",
    "veth[!0-9a-f]*? vethx12",
    "eth0 eth1",
]


def request(*attributes, kind, body):
    """A message of netlink."""
    body += b"".join(attributes)
    return struct.pack("=IHHII", 16 + len(body), kind, 0x200, 1, 0) + body


def attribute(kind, value):
    return struct.pack("=HH", 4 + len(value), kind) + value + b"\0" * (-len(value) % 4)


def netlink():
    link = struct.pack("=BBHIII", 0, 0, 1, 7, 1, 0)
    of_link = [(1, b"\2\0\0\0\0\1"), (3, b"veth0\0"), (5, struct.pack("=I", 9)), (37, b"\0\0\0\0")]
    info = attribute(18, attribute(1, b"veth\0") + attribute(4, b"bridge\0"))
    yield request(*(attribute(*one) for one in of_link), info, kind=16, body=link)
    yield request(kind=17, body=link)
    yield request(attribute(1, bytes([10, 0, 0, 2])), attribute(2, bytes([10, 0, 0, 1])), kind=20, body=b"\2" + bytes(7))
    yield request(attribute(11, b"\0"), kind=20, body=b"\n\n\0\0\0\x50" + bytes(66))
    said = attribute(1, b"Specified qdisc kind is unknown.\0")
    yield request(said, kind=2, body=struct.pack("=i", -22) + bytes(16))
    head = struct.pack("=BBHIIII", 0, 0, 0, 7, 1, 0xFFFFFFF2, 0xC000 << 16 | 0x300)
    yield request(attribute(1, b"bpf\0"), attribute(2, attribute(7, b"flow\0")), attribute(11, b"\0\0\0\0"), kind=44, body=head)
    yield request(attribute(1, b"clsact\0"), kind=36, body=head)

    def directions(kind, ends, ports):
        ip = attribute(1, attribute(1, bytes(ends[0])) + attribute(2, bytes(ends[1])))
        transport = b"".join(attribute(at, value) for at, value in zip((1, 2, 3), (b"\6", *ports)))
        return attribute(kind, ip + attribute(2, transport))

    ends, ports = [(10, 0, 0, 1), (10, 0, 0, 2)], [struct.pack(">H", 50_001), struct.pack(">H", 50_002)]
    info = attribute(4, attribute(1, attribute(4, b"\3\0")))
    there, back = directions(1, ends, ports), directions(2, ends[::-1], ports[::-1])
    yield request(there, back, info, kind=0x100, body=b"\2\0\0\0")
    yield b"32768\t60999\n"


# As in exporter/src/kernel/check.rs.
NAMES = (
    "\0sk_buff\0head\0data\0tail\0end\0len\0network_header\0protocol\0skb_shared_info\0gso_size\0gso_segs\0"
    "skb_drop_reason\0btf_trace_kfree_skb\0A\0"
)


def types():
    """All that is asked for: two structures, an enumeration, and a pointer to a function that takes it."""

    def words(*numbers):
        return struct.pack(f"={len(numbers)}I", *numbers)

    def name(text):
        return NAMES.index(f"\0{text}\0") + 1

    def structure(text, members):
        fields = [field for at, member in enumerate(members) for field in (name(member), 1, at * 32)]
        return words(name(text), 4 << 24 | len(members), 64, *fields)

    integer, union = words(0, 1 << 24, 4, 32), words(0, 5 << 24 | 1, 8, name("end"), 1, 0)
    packet = structure("sk_buff", ["head", "data", "tail", "len", "network_header", "protocol"])
    inner = words(name("sk_buff"), 4 << 24 | 1, 64, 0, 2, 64)
    shared = structure("skb_shared_info", ["gso_size", "gso_segs"])
    reason = words(name("skb_drop_reason"), 6 << 24 | 1, 4, name("A"), 7)
    function = words(0, 13 << 24 | 4, 0, 0, 1, 0, 1, 0, 1, 0, 5)
    pointer = words(0, 2 << 24, 6)
    trace = words(name("btf_trace_kfree_skb"), 8 << 24, 7)
    yield integer + union + packet + shared + reason + function + pointer + trace
    yield integer + union + inner + shared + reason + function + pointer + trace


def replies():
    partial = b"\x0a\x08\x08\x03\x12\x04busy"
    delay = b"\x0a\x28type.googleapis.com/google.rpc.RetryInfo\x12\x04\x0a\x02\x08\x03"
    status = b"\x08\x08\x12\x04busy\x1a" + bytes([len(delay)]) + delay
    yield partial
    yield b"\1\0\xc8content-type: application/grpc\n+grpc-status: 0\n\n\0\0\0\0" + bytes([len(partial)]) + partial
    yield b"\1\0\xc8grpc-status: 8\ngrpc-message: busy\ngrpc-status-details-bin: CAgSBGJ1c3k\n\n"
    yield b"\0\0\xc8content-type: application/x-protobuf\n\n" + partial
    yield b"\0\1\xf7content-type: application/x-protobuf\nretry-after: 120\n\n" + status
    yield b"\0\1\xadretry-after: Sun, 06 Nov 1994 08:49:47 GMT\n\nslow down"


def payloads(packet):
    """What the target takes: how many bytes are missing, and those that are there."""
    for kind in (TCP, UDP, ICMP, ICMPv6DestUnreach):
        if kind in packet and packet[kind].payload:
            yield b"\0\0" + bytes(packet[kind].payload)


def firsts():
    """Beginnings that no capture has."""
    yield b"\0\0" + bytes.fromhex("c300000001088394c8f03e5157080000449e") + bytes(40)
    yield b"\0\0" + bytes.fromhex("c00000000001610262630000000143336b6b")
    for words in (
        b"SSH-2.0-OpenSSH_9.2\r\n", b"220 mail.example ESMTP\r\n", b"*2\r\n$4\r\nLLEN\r\n", b"\xff\xfb\x01\xff\xfd\x1f",
        b"\0\0\0\x08\x04\xd2\x16\x2f", b"\0\0\0\x14\0\3\0\0user\0alice\0\0", b"\x13\0\0\0\x0a8.0.36\0\x08\0\0\0salt1234",
        b"\x20\0\0\1\0\x0a\0\0\0\0\0\1\x2d" + bytes(23), b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\x15\3\3\0\2\2\x28",
    ):
        yield b"\0\0" + words


def main():
    folder = pathlib.Path(sys.argv[1])

    def write(target, inputs):
        (folder / target).mkdir(parents=True, exist_ok=True)
        for number, content in enumerate(inputs):
            (folder / target / f"seed-{number}").write_bytes(content)

    with tempfile.TemporaryDirectory() as made:
        subprocess.run([sys.executable, "-B", CAPTURES / "make.py", made], check=True)
        files = sorted(pathlib.Path(made).iterdir())
        write("capture", [file.read_bytes() for file in files if file.stat().st_size < 1 << 14])
        frames, first = [], list(firsts())
        for file in files:
            try:
                read = list(PcapReader(str(file)))
            except Exception:  # Some are none, on purpose.
                continue
            for packet in read:
                # An Ethernet device, ingress; the length is that of the bytes.
                frames.append(b"\x11" + bytes(9) + bytes(packet))
                first += payloads(packet)
    write("packet", frames[:400])
    write("payload", first[:400])
    write("host", ["\n\n".join(HOST).encode()])
    write("settings", [text.encode() for text in SETTINGS])
    write("netlink", netlink())
    write("types", types())
    write("reply", replies())


main()
