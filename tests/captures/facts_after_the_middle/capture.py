"""A connection at the ports of one that was met in its middle: its first bytes are looked at all the same."""
from files import pcap
from packets import connection


def capture():
    met = connection(b"\x01\x02\x03", b"\x04")[2:5]
    request, answer = b"GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n", b"HTTP/1.1 204 No Content\r\n\r\n"
    return pcap(met + connection(request, answer, first=200))
