"""The sender over real sockets: what it says of a host that does not exist, does not answer, or closes the connection."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from azure.core.exceptions import (
    AzureError,
    ServiceRequestError,
    ServiceResponseError,
    ServiceResponseTimeoutError,
)
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from dpsops.azure.errors import explain
from dpsops.azure.exchange import Answer, Ask, Connections
from dpsops.azure.trust import trusted
from tests.worlds import World, start_embedded, waited

ASK = Ask("GET", "https://kv-nowhere.vault.azure.net/secrets?api-version=7.4")


def sent(proxy: str, trust: Callable[[], object] = lambda: trusted({}), ask: Ask = ASK, seconds: float = 5) -> Answer:
    """The answer to one request through a proxy."""

    async def once() -> Answer:
        connections = Connections(trust, proxy, 2, 2)  # type: ignore[arg-type]
        try:
            return await connections(ask, seconds)
        finally:
            await connections.close()

    return waited(once())


@contextmanager
def proxied(answer: Callable[[socket.socket], object]) -> Iterator[str]:
    """A proxy that does this with each connection."""
    with socket.create_server(("127.0.0.1", 0)) as door:

        def serve() -> None:
            while True:
                try:
                    connection, _ = door.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(4096)
                    answer(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{door.getsockname()[1]}"
        door.shutdown(socket.SHUT_RDWR)
        thread.join()


def failure(proxy: str, seconds: float = 5) -> AzureError:
    """What the sender raises."""
    with pytest.raises(AzureError) as failed:
        sent(proxy, seconds=seconds)
    return failed.value


def test_a_host_that_no_proxy_knows_does_not_exist(tmp_path: Path) -> None:
    with start_embedded(tmp_path) as azure:
        error = failure(azure.proxy_url)
    assert isinstance(error, ServiceRequestError)
    assert explain(error).message == "there is no host kv-nowhere.vault.azure.net"


def test_a_proxy_that_is_not_there() -> None:
    error = failure("http://127.0.0.1:1")
    assert isinstance(error, ServiceRequestError)
    assert explain(error).message.startswith("Azure cannot be reached: kv-nowhere.vault.azure.net: ")


def test_a_proxy_that_closes_the_connection() -> None:
    with proxied(lambda connection: connection.close()) as proxy:
        assert isinstance(failure(proxy), ServiceRequestError | ServiceResponseError)


def test_a_proxy_that_says_nothing_is_given_up_after_the_bound() -> None:
    with proxied(lambda connection: connection.recv(1)) as proxy:
        assert isinstance(failure(proxy, seconds=0.2), ServiceResponseTimeoutError)


def test_a_certificate_that_nobody_trusts_gets_no_request(embedded: World) -> None:
    assert embedded.embedded is not None
    ask = Ask("GET", "https://management.azure.com/subscriptions", headers={"Authorization": "Bearer secret"})
    with pytest.raises(ServiceRequestError, match="certificate verify failed"):
        sent(embedded.embedded.proxy_url, ask=ask)
    ours = {"REQUESTS_CA_BUNDLE": str(embedded.embedded.authority_file)}
    assert sent(embedded.embedded.proxy_url, lambda: trusted(ours), ask).status_code == 401


def test_the_variables_of_requests_say_whom_to_trust(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        trusted({"REQUESTS_CA_BUNDLE": str(tmp_path / "none.pem")})
    (tmp_path / "one.pem").write_text(Path(DEFAULT_CA_BUNDLE_PATH).read_text())
    assert trusted({"CURL_CA_BUNDLE": str(tmp_path / "one.pem")}).cert_store_stats()["x509_ca"] > 50
    assert trusted({"REQUESTS_CA_BUNDLE": str(tmp_path)}).cert_store_stats()["x509_ca"] == 0
    assert trusted({}).cert_store_stats()["x509_ca"] > 50
