"""An answer that is larger than any of Azure's is not read to its end, by either way to Azure."""

from __future__ import annotations

import gzip
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from azure.core.rest import HttpRequest

from dpsops.azure import body
from dpsops.azure.exchange import Ask, Connections
from dpsops.azure.transport import Transport, new_session
from dpsops.azure.trust import trusted
from dpsops.emulator.azure import Azure
from dpsops.emulator.http import Request, Response
from dpsops.emulator.server import EmbeddedAzure
from dpsops.errors import Unreadable
from tests.github import Plain
from tests.worlds import start_embedded, waited

pytestmark = pytest.mark.usefixtures("unmeasured")

URL = "https://management.azure.com/subscriptions?api-version=2022-12-01"

Ways = Callable[[EmbeddedAzure], bytes]


def by_pool(azure: EmbeddedAzure) -> bytes:
    """The body that the pool's sender reads."""

    async def ask() -> bytes:
        ours = {"REQUESTS_CA_BUNDLE": str(azure.authority_file)}
        connections = Connections(lambda: trusted(ours), azure.proxy_url, 5, 5)
        try:
            return (await connections(Ask("GET", URL), 20)).content
        finally:
            await connections.close()

    return waited(ask())


def by_transport(azure: EmbeddedAzure, *, stream: bool = False) -> bytes:
    """The body that the SDKs' transport reads."""
    with new_session() as session:
        session.trust_env, session.proxies = False, {"https": azure.proxy_url}
        transport = Transport(session=session, session_owner=False, connection_verify=str(azure.authority_file))
        answer = transport.send(HttpRequest("GET", URL), stream=stream)
        return bytes(answer.read())


def by_stream(azure: EmbeddedAzure) -> bytes:
    """The body of an answer that a client wants to read piece by piece, as the SDKs do with what begins an operation."""
    return by_transport(azure, stream=True)


WAYS = pytest.mark.parametrize("way", [by_pool, by_transport, by_stream])


@contextmanager
def answering(raw: bytes, directory: Path, patch: pytest.MonkeyPatch, **headers: str) -> Iterator[EmbeddedAzure]:
    """An embedded Azure that answers whatever it is asked with these bytes."""
    named = {"Content-Type": "application/json"} | {name.replace("_", "-"): value for name, value in headers.items()}

    def handle(_azure: Azure, _request: Request) -> Response:
        return Plain(200, headers=named, raw=raw)

    patch.setattr(Azure, "handle", handle)
    with start_embedded(directory) as azure:
        yield azure


@WAYS
def test_the_largest_answer_is_read_and_one_byte_more_is_not(way: Ways, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body, "MOST_BYTES", 1 << 20)
    with answering(b"x" * (1 << 20), tmp_path, monkeypatch) as azure:
        assert len(way(azure)) == 1 << 20
    with (
        answering(b"x" * ((1 << 20) + 1), tmp_path, monkeypatch) as azure,
        pytest.raises(Unreadable, match=r"management\.azure\.com has more than 1 MB"),
    ):
        way(azure)


@WAYS
def test_a_small_answer_that_unpacks_to_a_large_one_takes_little_memory(
    way: Ways, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bomb = gzip.compress(b"\0" * (64 * body.MOST_BYTES // 16), mtime=0)
    with answering(bomb, tmp_path, monkeypatch, Content_Encoding="gzip") as azure:
        tracemalloc.start()
        try:
            with pytest.raises(Unreadable, match="has more than 32 MB"):
                way(azure)
            most = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert most < 2.5 * body.MOST_BYTES
