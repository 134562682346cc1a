"""Whatever comes through TLS, HTTP or MQTT, the embedded Azure ends that connection, serves all others, and logs no traceback.

The clients of MQTT have connected before they say what nobody should; the long part (`profile.py`) has more of it.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest

from dpsops.emulator.mqtt.packets import Connect, Pingreq, Puback, Publish, Subscribe, Unsubscribe
from dpsops.emulator.server import EmbeddedAzure
from dpsops.emulator.world import Timings
from dpsops.pki.names import DeviceId
from tests.emulator.mqtt.client import Client, encoded
from tests.emulator.mqtt.lab import connected, trusting, tunnel
from tests.fuzz.mutations import mutated
from tests.fuzz.profile import SEED, TIMES
from tests.workflows.commands import issue_to, up
from tests.workflows.doing import HUB, OTHER, PRESS, fetched, over
from tests.worlds import embedded_world, environment, start_embedded

pytestmark = pytest.mark.usefixtures("unmeasured")

DPS, MANAGEMENT = "global.azure-devices-provisioning.net", "management.azure.com"
AT_ONCE = 30
PATIENCE_SECONDS = 20

MUTATIONS = ("cut", "without its beginning", "flipped", "inserted", "twice", "reversed", "many times", "spliced", "joined")

HEAD = b"Host: management.azure.com\r\n"
GET = b"GET /subscriptions?api-version=2022-12-01 HTTP/1.1\r\n" + HEAD
PUT = b"PUT /subscriptions/x/resourcegroups/y?api-version=2022-12-01 HTTP/1.1\r\n" + HEAD
REQUESTS = (
    GET,
    GET + b"\r\n" + GET,
    (GET + b"\r\n") * 200,
    GET + b"Content-Length: -1\r\n\r\n",
    GET + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    GET + b"X: " + b"x" * 100_000 + b"\r\n\r\n",
    GET + b"X: y\r\n" * 20_000 + b"\r\n",
    GET + b"X\0: y\r\n\r\n",
    GET + b"X: \0\xff\r\n\r\n",
    GET + b"Authorization: Bearer \xff.\xfe.\xfd\r\n\r\n",
    GET + b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: x\r\n\r\n",
    GET + b"Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABk\r\n\r\n",
    PUT + b"Content-Length: 1000\r\n\r\n{",
    PUT + b"Content-Length: " + b"9" * 40 + b"\r\n\r\n{}",
    PUT + b"Content-Length: 9000000\r\n\r\n" + b"x" * 9_000_000,
    PUT + b"Expect: 100-continue\r\nContent-Length: 10\r\n\r\n",
    PUT + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
    PUT + b"Transfer-Encoding: chunked\r\n\r\n-2\r\n{}\r\n0\r\n\r\n",
    PUT + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffffff\r\n{}",
    PUT + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}X0\r\n\r\n",
    PUT + b"Transfer-Encoding: chunked\r\n\r\n2;" + b"x" * 100_000 + b"\r\n{}\r\n0\r\n\r\n",
    PUT + b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    PUT + b"Transfer-Encoding: chunked\r\n\r\n0\r\nTrailer: " + b"x" * 100_000 + b"\r\n\r\n",
    PUT + b"Transfer-Encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    PUT + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
    PUT + b"Content-Encoding: deflate\r\nContent-Length: 2\r\n\r\n\xff\xff",
    PUT + b"Content-Encoding: br\r\nContent-Length: 2\r\n\r\n{}",
    b"GET http://thief.example.com/ HTTP/1.1\r\n" + HEAD + b"\r\n",
    b"GET //\xff?%zz=%00 HTTP/1.1\r\n" + HEAD + b"\r\n",
    b"GET /%ff%fe?%ff=%fe HTTP/1.1\r\n" + HEAD + b"\r\n",
    b"GET / HTTP/1.1\r\nHost: [::1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: \xe5\r\n\r\n",
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.0\r\n\r\n",
    b"CONNECT management.azure.com:443 HTTP/1.1\r\n" + HEAD + b"\r\n",
    b"BREW / HTTP/1.1\r\n" + HEAD + b"\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0" * 200,
    b"\x16\x03\x01\x02\x00\x01",
    b"",
)


@dataclass(frozen=True, slots=True)
class Fleet:
    """An embedded Azure with two registered devices: the files with their keys and chains, and how each connects, by host."""

    azure: EmbeddedAzure
    identities: dict[DeviceId, Path]
    usernames: dict[str, str]

    def hello(self, host: str, device: DeviceId) -> bytes:
        """The CONNECT packet of a device."""
        return encoded(Connect(device, True, 0, self.usernames[host].format(device)))

    def meets(self, host: str, device: DeviceId, stack: ExitStack) -> Client:
        """A device that has connected."""
        client = stack.enter_context(connected(self.azure, self.identities[device], host=host))
        client.say(self.hello(host, device))
        assert client.hear() == b"\x20\x02\0\0"
        return client


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    directory = tmp_path_factory.mktemp("fleet")
    with start_embedded(directory, Timings()) as azure:
        world = embedded_world(azure, environment(root={"key": "EC-P256"}), direct=True)
        connection = world.connect()
        up(connection)
        issue_to(connection, PRESS, OTHER)
        files = {}
        for device in (PRESS, OTHER):
            credential = fetched(connection, device)
            over("https", connection, credential, device)
            files[device] = directory / f"{device}.pem"
            files[device].write_text(credential.key + credential.chain)
        scope = connection.dps.facts().id_scope
        names = {DPS: f"{scope}/registrations/{{}}/api-version=2019-03-31", HUB: f"{HUB}/{{}}/?api-version=2021-04-12"}
        yield Fleet(azure, files, names)


def said(fleet: Fleet, host: str, port: int, content: bytes, identity: Path | None = None) -> None:
    """A client says this and no more, and hears until the other side ends the connection. Raises `TimeoutError` if that is
    never."""
    with tunnel(fleet.azure, host, port) as raw:
        raw.settimeout(PATIENCE_SECONDS)
        with trusting(fleet.azure, identity).wrap_socket(raw, server_hostname=host) as connection:
            try:
                connection.sendall(content)
                connection.shutdown(socket.SHUT_WR)  # of TCP: what is heard now is not decrypted
                while connection.recv(65_536):
                    pass
            except TimeoutError:
                raise
            except OSError:  # the other side was quicker
                pass


def spoilt_packets(host: str, hello: bytes, chance: Random) -> Iterator[bytes]:
    """What a device says behind its CONNECT."""
    topic = "$dps/registrations/PUT/iotdps-register/?$rid=1" if host == DPS else "$iothub/twin/GET/?$rid=1"
    packets = [
        encoded(Subscribe(1, (("$dps/registrations/res/#" if host == DPS else "$iothub/twin/res/#", 1),))),
        encoded(Publish(topic, b'{"registrationId": "press-07"}', 2)),
        encoded(Publish("devices/press-07/messages/events/", b"x")),
        encoded(Unsubscribe(3, ("#",))),
        encoded(Puback(4)),
        encoded(Pingreq()),
        hello,
        b"\x62\x02\0\1",
        b"\x30\xff\xff\xff\xff\x01",
    ]
    yield from packets
    for _ in range(AT_ONCE * TIMES):
        before, packet = chance.sample(packets, 2)
        yield before * chance.randrange(2) + mutated(chance.choice(MUTATIONS), packet, packets, chance)


@pytest.mark.parametrize("host", [DPS, HUB])
def test_whatever_a_device_says_others_are_served(
    host: str, fleet: Fleet, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    chance = Random(f"{SEED} {host}")  # noqa: S311
    with ExitStack() as stack:
        other = fleet.meets(host, OTHER, stack)
        for packet in spoilt_packets(host, fleet.hello(host, PRESS), chance):
            fleet.azure.azure.clock.advance(1)  # a hub takes only so many connections a second
            said(fleet, host, 8883, fleet.hello(host, PRESS) + packet, fleet.identities[PRESS])
        other.say(encoded(Pingreq()))
        assert other.hear() == b"\xd0\0"
        fleet.meets(host, PRESS, stack)
    assert "Traceback" not in capfd.readouterr().err + caplog.text


def test_whatever_comes_as_a_request_others_are_served(
    fleet: Fleet, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    chance = Random(SEED)  # noqa: S311
    names = ("cut", "without its beginning", "flipped", "inserted", "lines", "spliced", "joined")
    short = [each for each in REQUESTS if 0 < len(each) < 2000]
    with tunnel(fleet.azure, MANAGEMENT, 443) as raw, trusting(fleet.azure).wrap_socket(raw, server_hostname=MANAGEMENT) as other:
        other.sendall(GET)  # half of a request: its end comes when all others have gone
        for request in REQUESTS:
            said(fleet, MANAGEMENT, 443, request)
        for _ in range(AT_ONCE * TIMES):
            said(fleet, MANAGEMENT, 443, mutated(chance.choice(names), chance.choice(short), short, chance))
        other.sendall(b"\r\n")
        assert other.recv(12) == b"HTTP/1.1 401"
    assert "Traceback" not in capfd.readouterr().err + caplog.text


def test_requests_that_do_not_wait_for_their_answers_get_all_of_them(fleet: Fleet) -> None:
    with (
        tunnel(fleet.azure, MANAGEMENT, 443) as raw,
        trusting(fleet.azure).wrap_socket(raw, server_hostname=MANAGEMENT) as client,
    ):
        client.sendall((GET + b"\r\n") * 19 + GET + b"Connection: close\r\n\r\n")
        heard = bytearray()
        while part := client.recv(65_536):
            heard += part
    assert heard.count(b"HTTP/1.1 401") == 20
