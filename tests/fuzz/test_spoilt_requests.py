"""The embedded Azure answers any request without a failure of its own, and goes on serving others.

The requests are those of the commands, each changed at a few places: members, query, headers, path and method.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from dpsops.emulator.azure import Azure
from dpsops.emulator.http import Request, Response
from dpsops.emulator.world import Timings
from dpsops.model.rotation import Phase
from tests.fuzz.profile import SEED, TIMES
from tests.workflows.commands import issue_to, rotate, up
from tests.workflows.doing import PRESS, over
from tests.workflows.saved import Saved
from tests.worlds import embedded_world, environment, start_embedded

pytestmark = pytest.mark.usefixtures("unmeasured")

AT_ONCE = 800
RESTORED_AFTER = 200

VALUES: tuple[Any, ...] = (
    None, True, 0, -1, 10**40, 1.5, 1e308, "", "x", "\N{SNOWMAN}", "a" * 3000, "\x00", "/", "../..", "%00", "*", [], [None], {},
    {"a": {}}, "P1D", "2026-99-99T00:00:00Z", "-----BEGIN CERTIFICATE-----\n", " ", "0", [[]], {"": ""}, "\ud800",
)  # fmt: skip
BODIES = (
    b"", b"{", b"[]", b"null", b'"x"', b"\xff", b"[" * 5000, b'{"a":' * 5000, b"1e999", b'{"value":NaN}', b"9" * 5000, b"{}{}",
)  # fmt: skip
HEADERS = (
    "", "x", '"', "*", 'W/"x"', "-1", "9" * 400, "\u0661", "application/json;x", "Bearer x", "Bearer a.b.c", "null", "AAAA==",
    "SharedAccessSignature sr=x&sig=%&se=9&skn=",
)  # fmt: skip
SEGMENTS = ("", "x", "..", "a" * 300, "%2e", "\N{SNOWMAN}", "*", "$metadata", "0", "\x00")
METHODS = ("GET", "PUT", "POST", "PATCH", "DELETE", "HEAD", "OPTIONS", "BREW")


def spoilt(request: Request, chance: Random) -> Request:
    """The request, changed at up to three places."""
    for _ in range(chance.choice((1, 1, 2, 3))):
        match chance.choice(("member", "member", "member", "body", "query", "header", "path", "method")):
            case "member" if request.body:
                request = replace(request, body=_member(request.body, chance))
            case "body":
                request = replace(request, body=chance.choice(BODIES))
            case "query":
                name = chance.choice((*request.query, "api-version", "$filter", "$top", "maxresults", "authorization_endpoint"))
                text = json.dumps(chance.choice(VALUES)).strip('"')
                request = replace(request, query={**request.query, name: text})
            case "header":
                name = chance.choice((*request.headers, "if-match", "x-ms-continuation", "x-ms-max-item-count", "content-type"))
                request = replace(request, headers={**request.headers, name: chance.choice(HEADERS)})
            case "path":
                parts = request.path.split("/")
                place = chance.randrange(len(parts))
                parts[place] = chance.choice((*SEGMENTS, parts[place].upper(), f"{parts[place]}x"))
                request = replace(request, path="/".join(parts))
            case _:
                request = replace(request, method=chance.choice(METHODS))
    return request


def _member(body: bytes, chance: Random) -> bytes:
    """A JSON body with another value at one place, or without that place."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return chance.choice(BODIES)
    holders = list(_holders(document))
    if not holders:
        return json.dumps(chance.choice(VALUES)).encode()
    holder, name = chance.choice(holders)
    if chance.random() < 0.2:
        del holder[name]
    else:
        holder[name] = chance.choice(VALUES)
    return json.dumps(document).encode()


def _holders(document: Any) -> Iterator[tuple[Any, Any]]:
    entries = document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    for name, value in list(entries):
        yield document, name
        yield from _holders(value)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Azure, Saved, list[Request]]]:
    """The embedded Azure in the middle of a rotation, its state, and the different requests that led there."""
    directory = tmp_path_factory.mktemp("spoilt")
    seen: dict[tuple[str, str, int], Request] = {}
    with start_embedded(directory, Timings()) as embedded:
        world = embedded_world(embedded, environment(root={"key": "EC-P256"}), direct=True)
        azure = embedded.azure

        def see(request: Request, _: Response) -> None:
            seen.setdefault((request.method, request.path, len(request.body)), request)

        azure.observers.append(see)
        up(world.connect())
        issue_to(world.connect(), PRESS)
        over("https", world.connect())
        rotate(world.connect(), Phase.DRAINING)
        azure.observers.clear()
        yield azure, Saved.of(directory), list(seen.values())


def test_spoilt_requests(prepared: tuple[Azure, Saved, list[Request]]) -> None:
    azure, saved, requests = prepared
    chance = Random(SEED)  # noqa: S311
    wrong: list[str] = []
    statuses = set[int]()
    for turn in range(AT_ONCE * TIMES):
        if turn % RESTORED_AFTER == 0:
            saved.restore()
        request = spoilt(chance.choice(requests), chance)
        try:
            answer = azure.handle(request)
            answer.content()
            answer.fields(0).values()
        except Exception as defect:
            wrong.append(
                f"{defect!r}: {request.method} {request.host}{request.path[:200]} {dict(request.query)} {request.body[:300]!r}"
            )
            continue
        statuses.add(answer.status)
        if answer.status >= 500:
            wrong.append(f"{answer.status}: {request.method} {request.host}{request.path[:200]} {request.body[:300]!r}")
    saved.restore()
    assert not wrong, "\n".join(wrong)
    assert {200, 400, 401, 404} <= statuses


GARBAGE = (
    b"",
    b"\0",
    b"\r\n\r\n",
    b"GET",
    b"GET /\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n",
    b"CONNECT\r\n\r\n",
    b"CONNECT :443 HTTP/1.1\r\n\r\n",
    b"CONNECT management.azure.com:99999999999 HTTP/1.1\r\n\r\n",
    b"CONNECT " + b"a" * 70_000 + b":443 HTTP/1.1\r\n\r\n",
    b"CONNECT management.azure.com:443 HTTP/1.1\r\n" + b"X: y\r\n" * 5000 + b"\r\n",
    b"CONNECT [::1 HTTP/1.1\r\n\r\n",
    b"CONNECT \xff\xfe:443 HTTP/1.1\r\n\r\n",
    b"CONNECT management.azure.com:443 HTTP/1.1\r\n\r\n\x16\x03\x01\xff\xff" + b"\0" * 600,
    b"CONNECT management.azure.com:443 HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n",
    b"CONNECT dps-x.azure-devices-provisioning.net:8883 HTTP/1.1\r\n\r\n\x10\xff\xff\xff\xff",
)


def test_whatever_comes_through_the_door_others_are_served(
    tmp_path_factory: pytest.TempPathFactory, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    chance = Random(SEED)  # noqa: S311
    with start_embedded(tmp_path_factory.mktemp("door"), Timings()) as embedded:
        port = int(embedded.proxy_url.rpartition(":")[2])
        half_open = socket.create_connection(("127.0.0.1", port))
        for said in (*GARBAGE, *(chance.randbytes(chance.randrange(400)) for _ in range(40 * TIMES))):
            with socket.create_connection(("127.0.0.1", port)) as door:
                door.sendall(said)
                door.shutdown(socket.SHUT_WR)
                door.settimeout(20)
                while _received(door):
                    pass
        world = embedded_world(embedded, environment())
        assert world.connect().clients.groups.resource_groups.check_existence("rg-of-nobody") is False
        half_open.close()
    assert "Traceback" not in capfd.readouterr().err + caplog.text


def _received(door: socket.socket) -> bytes:
    try:
        return door.recv(65_536)
    except ConnectionError:
        return b""
