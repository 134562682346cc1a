"""The embedded Azure as a server: the proxy, TLS under Azure's names, faults, and its state on disk."""

from __future__ import annotations

import contextlib
import signal
import socket
import sqlite3
import ssl
import stat
import subprocess
import sys
import threading
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any, Self

import pytest
import requests
from azure.core.exceptions import AzureError, HttpResponseError, ServiceRequestError

from dpsops.emulator.authority import ensure_certificates
from dpsops.emulator.faults import Delay, Drop, Fault, Refuse, Throttle
from dpsops.emulator.http import Request, Response
from dpsops.emulator.state import Database
from tests.worlds import World


def converse(world: World, message: bytes) -> bytes:
    """What the proxy answers to these bytes; nothing where it hangs up."""
    assert world.embedded is not None
    port = int(world.embedded.proxy_url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        try:
            connection.sendall(message)
            return connection.recv(4096)
        except ConnectionResetError:
            return b""


@pytest.mark.parametrize(
    ("message", "status"),
    [
        (b"CONNECT management.azure.com:443 HTTP/1.1\r\n\r\n", b"200"),
        (b"CONNECT example.com:443 HTTP/1.1\r\n\r\n", b"502"),
        (b"CONNECT nobodys-vault.vault.azure.net:443 HTTP/1.1\r\n\r\n", b"502"),
        (b"CONNECT management.azure.com:22 HTTP/1.1\r\n\r\n", b"502"),
        (b"CONNECT HTTP/1.1\r\n\r\n", b"502"),
        (b"GET http://management.azure.com/ HTTP/1.1\r\n\r\n", b"405"),
    ],
)
def test_the_proxy_joins_azures_hosts_and_no_others(embedded: World, message: bytes, status: bytes) -> None:
    assert converse(embedded, message).startswith(b"HTTP/1.1 " + status)


def test_the_proxy_survives_garbage(embedded: World) -> None:
    assert converse(embedded, bytes(range(256)) * 800) == b""
    assert converse(embedded, b"CONNECT management.azure.com:443 HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 200")


def test_only_its_own_ca_certificate_is_trusted(embedded: World) -> None:
    assert embedded.embedded is not None
    session = requests.Session()
    session.trust_env = False
    with session, pytest.raises(requests.exceptions.SSLError):
        session.get("https://management.azure.com/", proxies={"https": embedded.embedded.proxy_url}, timeout=10)


@pytest.mark.parametrize("host", ["example.com", "login.microsoftonline.com"])
def test_another_host_behind_a_known_name_is_misdirected(embedded: World, host: str) -> None:
    assert embedded.embedded is not None
    session = requests.Session()
    session.trust_env = False
    with session:
        answer = session.get(
            "https://management.azure.com/",
            headers={"Host": host},
            proxies={"https": embedded.embedded.proxy_url},
            verify=str(embedded.embedded.authority_file),
            timeout=10,
        )
    assert answer.status_code == 421


@pytest.mark.parametrize(
    "said",
    [
        b"no HTTP\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: \xe5\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: management.azure.com\r\nAuthorization: Bearer " + b"x" * 100_000 + b"\r\n\r\n",
        b"PUT / HTTP/1.1\r\nHost: management.azure.com\r\nContent-Length: 9\r\n\r\n{",
        b"PUT / HTTP/1.1\r\nHost: management.azure.com\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
    ],
    ids=["garbage", "a path", "a host", "a header", "half a body", "another encoding"],
)
def test_an_invalid_request_is_not_logged(embedded: World, caplog: pytest.LogCaptureFixture, said: bytes) -> None:
    assert embedded.embedded is not None
    context = ssl.create_default_context(cafile=str(embedded.embedded.authority_file))
    port = int(embedded.embedded.proxy_url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(b"CONNECT management.azure.com:443 HTTP/1.1\r\n\r\n")
        assert connection.recv(4096).startswith(b"HTTP/1.1 200")
        tls = context.wrap_socket(connection, server_hostname="management.azure.com")
        with tls, contextlib.suppress(ConnectionError, ssl.SSLError):
            tls.sendall(said)
            if b"Content-Length: 9" not in said:
                assert tls.recv(4096)[9:12] in (b"", b"400", b"421")
    session = requests.Session()
    session.trust_env = False
    with session:  # answered only after what came before
        proxies, verify = {"https": embedded.embedded.proxy_url}, str(embedded.embedded.authority_file)
        endpoint = "authorization_endpoint=https://login.microsoftonline.com/common/oauth2/v2.0/authorize"
        known = f"https://login.microsoftonline.com/common/discovery/instance?{endpoint}"
        assert session.get(known, proxies=proxies, verify=verify, timeout=10).status_code == 200
    assert [record for record in caplog.records if record.exc_info] == []


def groups(request: Request) -> bool:
    """Whether a request is about resource groups."""
    return "/resourcegroups" in request.path.lower()


def test_a_throttled_request_is_retried_after_the_time_it_was_told(embedded: World) -> None:
    assert embedded.embedded is not None
    embedded.embedded.azure.faults.add(Fault(Throttle(retry_after=17), groups))
    before = embedded.clock.now()

    list(embedded.connect().clients.groups.resource_groups.list())

    assert [exchange.status for exchange in embedded.exchanges] == [429, 200]
    assert embedded.clock.now() - before == 17


def test_a_delay_moves_the_clock(embedded: World) -> None:
    assert embedded.embedded is not None
    embedded.embedded.azure.faults.add(Fault(Delay(33), groups))
    before = embedded.clock.now()

    list(embedded.connect().clients.groups.resource_groups.list())

    assert embedded.clock.now() - before == 33


def test_a_refusal_is_what_the_test_says(embedded: World) -> None:
    assert embedded.embedded is not None
    answer = Response(403, {"error": {"code": "RequestDisallowedByPolicy", "message": "No."}})
    embedded.embedded.azure.faults.add(Fault(Refuse(answer), groups))

    with pytest.raises(HttpResponseError, match="RequestDisallowedByPolicy"):
        list(embedded.connect().clients.groups.resource_groups.list())


@pytest.mark.parametrize("work_done", [False, True])
def test_a_dropped_connection_loses_the_answer_and_perhaps_the_work(embedded: World, work_done: bool) -> None:
    assert embedded.embedded is not None
    connection = embedded.connect()
    settings = connection.run.environment
    embedded.embedded.azure.faults.add(Fault(Drop(work_done), groups, times=None))
    with pytest.raises(AzureError):
        connection.clients.groups.resource_groups.create_or_update(settings.resource_group, {"location": settings.location})
    embedded.embedded.azure.faults.clear()

    assert connection.clients.groups.resource_groups.check_existence(settings.resource_group) is work_done


def test_a_vault_that_does_not_exist_has_no_host_name(embedded: World) -> None:
    with pytest.raises(ServiceRequestError):
        list(embedded.connect().clients.certificates.list_properties_of_certificates())


@pytest.mark.usefixtures("embedded")
def test_state_and_keys_are_private_from_birth(tmp_path: Path) -> None:
    directory = tmp_path / ".dpsops"
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()}
    assert {"azure.sqlite", "ca.pem", "server.pem"} <= set(modes)
    assert set(modes.values()) == {0o600}


def test_a_directory_that_another_program_made_is_private_too(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    ensure_certificates(tmp_path)
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700


def test_a_ca_certificate_from_the_future_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Ahead(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            return super().now(tz) + timedelta(days=2)

    with monkeypatch.context() as clock:
        clock.setattr("dpsops.emulator.authority.datetime", Ahead)
        early = ensure_certificates(tmp_path)[0].read_bytes()
    assert ensure_certificates(tmp_path)[0].read_bytes() != early


def test_a_certificate_of_a_former_release_for_fewer_hosts_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as former:
        former.setattr("dpsops.emulator.authority.HOSTS", ("*.azure-devices.net",))
        early = ensure_certificates(tmp_path)[0].read_bytes()
    made = ensure_certificates(tmp_path)[0].read_bytes()
    assert made != early
    assert ensure_certificates(tmp_path)[0].read_bytes() == made


def test_the_ca_certificate_is_made_once(tmp_path: Path) -> None:
    made: list[bytes] = []

    def ensure() -> None:
        made.append(ensure_certificates(tmp_path)[0].read_bytes())

    threads = [threading.Thread(target=ensure) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 8
    assert len(set(made)) == 1


_WRITER = """
import sys
from pathlib import Path
from dpsops.emulator.state import Database
database = Database(Path(sys.argv[1]))
for number in range(1_000_000):
    with database.transaction() as state:
        state.put("pair", "left", {"number": number})
        state.put("pair", "right", {"number": number})
    print(number, flush=True)
"""


def test_a_killed_process_leaves_whole_requests_behind(tmp_path: Path) -> None:
    path = tmp_path / "azure.sqlite"
    with subprocess.Popen([sys.executable, "-c", _WRITER, str(path)], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        reported = [int(writer.stdout.readline()) for _ in range(50)][-1]
        writer.send_signal(signal.SIGKILL)
    database = Database(path)
    with database.transaction() as state:
        left, right = state.get("pair", "left"), state.get("pair", "right")
    database.close()
    assert left == right
    assert left is not None
    assert left["number"] >= reported


def test_a_refused_transaction_leaves_nothing(tmp_path: Path) -> None:
    database = Database(tmp_path / "azure.sqlite")

    def write_and_fail() -> None:
        with database.transaction() as state:
            state.put("kind", "key", {})
            raise LookupError

    with pytest.raises(LookupError):
        write_and_fail()
    with database.transaction() as state:
        assert state.get("kind", "key") is None
    database.close()


def test_a_full_disk_is_said_to_be_and_is_over_when_there_is_room_again(embedded: World) -> None:
    assert embedded.embedded is not None
    disk, groups = embedded.embedded.azure.database._connection, embedded.connect().clients.groups.resource_groups
    large: Any = {"location": "westeurope", "tags": {f"tag-{number}": "x" * 256 for number in range(50)}}
    list(groups.list())  # signs in, which writes too
    disk.execute("PRAGMA max_page_count = 1")  # SQLite takes the present size instead, and no page more
    with pytest.raises(HttpResponseError, match="cannot keep its state: database or disk is full"):
        groups.create_or_update("rg-large", large)
    disk.execute("PRAGMA max_page_count = 10000")
    groups.create_or_update("rg-large", large)


def test_a_transaction_that_cannot_be_committed_leaves_nothing_and_the_next_one_can(tmp_path: Path) -> None:
    database = Database(tmp_path / "azure.sqlite")
    connection = database._connection
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("CREATE TABLE parent (id INTEGER PRIMARY KEY)")
    connection.execute("CREATE TABLE child (id INTEGER REFERENCES parent DEFERRABLE INITIALLY DEFERRED)")

    def write_an_orphan() -> None:
        with database.transaction() as state:
            state.put("kind", "key", {})
            connection.execute("INSERT INTO child VALUES (1)")

    with pytest.raises(sqlite3.IntegrityError):
        write_an_orphan()
    with database.transaction() as state:
        assert state.get("kind", "key") is None
    database.close()


def test_documents_are_listed_by_prefix_in_order() -> None:
    database = Database(None)
    with database.transaction() as state:
        for key in ("b/2", "a/1", "b/1", "c"):
            state.put("kind", key, {"key": key})
        state.put("other", "b/3", {})
        assert [key for key, _ in state.list("kind", "b/")] == ["b/1", "b/2"]
        assert state.delete("kind", "c")
        assert not state.delete("kind", "c")
    database.close()
