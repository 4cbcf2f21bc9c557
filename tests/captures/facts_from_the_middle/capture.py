"""A capture that begins in the middle of a connection: a hello message there is not taken for the first bytes."""
from files import pcap
from hello import client_hello, server_hello
from packets import connection


def capture():
    return pcap(connection(client_hello(b"shop.example"), server_hello())[2:])
