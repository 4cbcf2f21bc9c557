"""Frames that were cut in the hello message of a client, before the name: it is TLS, and more is not said."""
from files import pcap
from hello import client_hello, server_hello
from packets import connection


def capture():
    return pcap(connection(client_hello(b"shop.example"), server_hello()), kept=110)
