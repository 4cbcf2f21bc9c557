"""The two hello messages of TLS 1.2, and of TLS 1.3 a second later."""
from files import pcap
from hello import TLS_1_3, client_hello, server_hello
from packets import connection


def capture():
    first = connection(client_hello(b"Shop.example"), server_hello())
    second = connection(client_hello(b"pay.example"), server_hello(TLS_1_3), first=1000, port=8443)
    return pcap(first + second)
