"""The TLS end of the embedded Azure: TLS 1.2 and 1.3 under Azure's host names, with the clients' certificates where Azure asks.

Python's `ssl` refuses a client certificate that it cannot verify, before anyone can say why. Azure's device
endpoints accept any certificate, and DPS or the hub refuses it, in words of its own. So TLS is
pyOpenSSL's here: it proves that the client holds the key of the leaf it presents, and judges nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from OpenSSL import SSL, crypto

from dpsops.emulator.connections import Connections

_DEVICE_DOMAINS = (".azure-devices-provisioning.net", ".azure-devices.net")

_RECORDS = 65_536  # bytes read at once; a TLS record has 16 KiB at most (RFC 8446, 5.1)


class ServerContexts:
    """The TLS settings for each kind of host, from the file with the server's key and chain."""

    def __init__(self, server: Path) -> None:
        self._plain, self._device = _context(server), _context(server)
        self._device.set_verify(SSL.VERIFY_PEER, lambda *presented: True)

    def of(self, host: str) -> SSL.Context:
        """The settings under this host name: a device host asks for a client certificate and takes any, or none."""
        return self._device if host.endswith(_DEVICE_DOMAINS) else self._plain


def _context(server: Path) -> SSL.Context:
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.use_certificate_chain_file(str(server))
    context.use_privatekey_file(str(server))
    # A resumed session remembers the client's leaf, but not the rest of the chain as it was presented.
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_options(SSL.OP_NO_TICKET)
    return context


def _reason(cause: SSL.Error) -> str:
    """What OpenSSL says of a handshake that failed, such as an alert of the client's (RFC 8446, 6.2): `unknown ca` comes from one
    that does not trust the embedded Azure."""
    queue = cause.args[0] if cause.args and isinstance(cause.args[0], list) else []
    return "; ".join(str(each[-1]) for each in queue) or "the client has hung up in the handshake"


class TlsConnection(asyncio.Protocol, asyncio.Transport):
    """One TLS connection: a protocol to the TCP transport beneath it, a transport to the protocol above it.

    The protocol above is made once the handshake is done and the server name that the client named in it is
    `host`. It then finds `chain` filled, and calls `established` when the first request or the CONNECT has come. `tell` is called
    with the host and the reason if the handshake fails.
    """

    def __init__(
        self,
        context: SSL.Context,
        host: str,
        application: Callable[[], asyncio.Protocol],
        connections: Connections,
        tell: Callable[[str, str], None] = lambda host, reason: None,
    ) -> None:
        super().__init__()
        self._tell = tell
        self.host = host
        self.chain: tuple[bytes, ...] = ()
        self._tls = SSL.Connection(context, None)
        self._tls.set_accept_state()
        self._make_application = application
        self._application: asyncio.Protocol | None = None
        self._connections = connections
        self._closing = False

    def established(self) -> None:
        """The connection is pending no longer."""
        self._connections.established(self._tcp)

    # --- the protocol, to TCP ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Takes over a TCP connection, which nothing has been read from."""
        assert isinstance(transport, asyncio.Transport)
        self._tcp = transport

    def data_received(self, data: bytes) -> None:
        """Decrypts, and hands on what there is."""
        if self._closing:
            return
        self._tls.bio_write(data)
        plain, ended = bytearray(), False
        try:
            if self._application is None:
                self._tls.do_handshake()
                self._begin()
            while not self._closing:
                plain += self._tls.recv(_RECORDS)
        except SSL.WantReadError:
            pass
        except SSL.Error as cause:  # the client's close_notify, or a breach of TLS, to which an alert is in the buffer
            ended = True
            if self._application is None:
                self._tell(self.host, _reason(cause))
        self._flush()
        if plain and self._application is not None:
            self._application.data_received(bytes(plain))
        if ended:
            self.eof_received()
            self.close()

    def eof_received(self) -> None:
        """The client sends no more. The application may close; if it does not, this end closes, as asyncio's own TLS does."""
        if self._application is not None and not self._closing:
            self._application.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection has ended."""
        self._closing = True
        self._connections.leave(self._tcp)
        if self._application is not None:
            self._application.connection_lost(exc)

    def pause_writing(self) -> None:
        """The client reads more slowly than the application writes."""
        if self._application is not None:
            self._application.pause_writing()

    def resume_writing(self) -> None:
        """The client has caught up."""
        if self._application is not None:
            self._application.resume_writing()

    # --- the transport, to the application ---

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        """Encrypts and sends."""
        if not self._closing:
            self._tls.sendall(data)
            self._flush()

    def close(self) -> None:
        """Ends TLS with a close_notify (RFC 8446, 6.1) and then TCP, when all that was written has been sent."""
        if self._closing:
            return
        self._closing = True
        with contextlib.suppress(SSL.Error):  # TLS has broken already, or never began: nothing more can be said in it
            self._tls.shutdown()
        self._flush()
        self._tcp.close()

    def abort(self) -> None:
        """Breaks TCP off; what was written and not yet sent is lost."""
        self._closing = True
        self._tcp.abort()

    def is_closing(self) -> bool:
        """Whether the connection is closed or about to be."""
        return self._closing

    def pause_reading(self) -> None:
        """Lets the client wait."""
        self._tcp.pause_reading()

    def resume_reading(self) -> None:
        """Reads again."""
        self._tcp.resume_reading()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """What TCP knows, and the `sslcontext`, which tells aiohttp that the scheme is https."""
        return self._tls.get_context() if name == "sslcontext" else self._tcp.get_extra_info(name, default)

    # --- TLS ---

    def _begin(self) -> None:
        if (self._tls.get_servername() or b"").lower() != self.host.encode():
            self._tell(self.host, "the client has named another host, or none, in its ClientHello (SNI)")
            self.abort()
            return
        leaf = self._tls.get_peer_certificate()
        if leaf is not None:
            presented = [leaf, *(self._tls.get_peer_cert_chain() or ())]
            self.chain = tuple(crypto.dump_certificate(crypto.FILETYPE_ASN1, certificate) for certificate in presented)
        self._application = self._make_application()
        self._application.connection_made(self)

    def _flush(self) -> None:
        try:
            while True:
                self._tcp.write(self._tls.bio_read(_RECORDS))
        except SSL.WantReadError:
            pass
