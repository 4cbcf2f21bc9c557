"""A request of HTTP without TLS, and its answer."""
from files import pcap
from packets import connection


def capture():
    return pcap(connection(b"GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n", b"HTTP/1.1 204 No Content\r\n\r\n"))
