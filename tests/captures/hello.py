"""The first messages of a TLS handshake."""
from scapy.layers.tls.extensions import (
    ServerName,
    TLS_Ext_ALPN,
    TLS_Ext_ServerName,
    TLS_Ext_SupportedVersion_SH,
    ProtocolName,
)
from scapy.layers.tls.handshake import TLSClientHello, TLSServerHello
from scapy.layers.tls.record import TLS

TLS_1_2, TLS_1_3 = 0x0303, 0x0304


def _protocols(names):
    return TLS_Ext_ALPN(protocols=[ProtocolName(protocol=name) for name in names])


def client_hello(name, protocols=(b"h2", b"http/1.1")):
    """Asks for a host, and offers protocols."""
    extensions = [TLS_Ext_ServerName(servernames=[ServerName(servername=name)]), _protocols(protocols)]
    return bytes(TLS(version=0x0301, msg=[TLSClientHello(ciphers=[0xC02F, 0x1301], ext=extensions)]))


def server_hello(version=TLS_1_2, protocol=b"http/1.1"):
    """Chooses a version, and up to TLS 1.2 in the open a protocol."""
    chosen = [_protocols([protocol])] if version < TLS_1_3 else [TLS_Ext_SupportedVersion_SH(version=version)]
    cipher = 0xC02F if version < TLS_1_3 else 0x1301
    return bytes(TLS(version=TLS_1_2, msg=[TLSServerHello(version=TLS_1_2, cipher=cipher, ext=chosen)]))
