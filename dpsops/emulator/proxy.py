"""The CONNECT proxy through which clients reach the embedded Azure under Azure's real host names (RFC 9110, 9.3.6)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

_MAX_REQUEST = 16_384
_REQUEST_TIMEOUT = 30.0


class ConnectProxy:
    """Joins each `CONNECT host:443` for which `resolves` holds to a local port; refuses everything else.

    A host that Azure would not know gets 502, which is how a proxy reports a name that does not resolve.
    """

    def __init__(self, resolves: Callable[[str], bool], upstream_port: int) -> None:
        self._resolves = resolves
        self._upstream_port = upstream_port
        self._open: set[asyncio.StreamWriter] = set()

    def hang_up(self) -> None:
        """Ends every connection; their tasks end by themselves."""
        for writer in tuple(self._open):
            writer.close()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One client connection, from its CONNECT to its end."""
        self._open.add(writer)
        try:
            refusal = await self._greet(reader)
            if refusal:
                writer.write(refusal)
                await writer.drain()
                return
            upstream_reader, upstream_writer = await asyncio.open_connection("127.0.0.1", self._upstream_port)
            self._open.add(upstream_writer)
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await asyncio.gather(_pump(reader, upstream_writer), _pump(upstream_reader, writer))
            self._open.discard(upstream_writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError):
            pass  # The client went away, or never spoke HTTP: there is nobody to tell.
        finally:
            self._open.discard(writer)
            writer.close()

    async def _greet(self, reader: asyncio.StreamReader) -> bytes:
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), _REQUEST_TIMEOUT)
        if len(head) > _MAX_REQUEST:
            return _answer(431, "Request Header Fields Too Large")
        method, _, rest = head.decode("latin-1").partition(" ")
        authority = rest.partition(" ")[0]
        host, _, port = authority.rpartition(":")
        if method != "CONNECT":
            return _answer(405, "Method Not Allowed", "This is a CONNECT proxy: use it as HTTPS_PROXY.")
        if port != "443" or not self._resolves(host.lower()):
            return _answer(502, "Bad Gateway", f"The embedded Azure has no host {authority}.")
        return b""


def _answer(status: int, reason: str, text: str = "") -> bytes:
    body = f"{text}\n".encode() if text else b""
    return f"HTTP/1.1 {status} {reason}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass  # One side broke off: the other is told by the close below.
    finally:
        writer.close()
