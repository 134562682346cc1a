"""MQTT over the network: through the proxy and TLS, and to a clean end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import socket
import ssl
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
import trustme

from dpsops.emulator.faults import Drop, Fault
from dpsops.emulator.mqtt import packets
from dpsops.emulator.mqtt.packets import MAX_PACKET, Connect, Disconnect, Pingreq, Publish, Subscribe
from dpsops.emulator.server import EmbeddedAzure
from dpsops.emulator.state import Database
from tests.emulator.mqtt.client import encoded, field, frame
from tests.emulator.mqtt.lab import connected, half_asked, half_said, half_shaken, identity_of, silent, trusting, tunnel
from tests.emulator.mqtt.parrot import HEARD, HOST, heard, parrot_azure

HELLO = Connect("press-07", True, 60)


def is_alive(embedded: EmbeddedAzure) -> bool:
    """Whether a new client is accepted."""
    with connected(embedded) as client:
        client.say(Connect("canary", True, 0))
        return client.hear() == packets.connack(0)


def test_a_client_is_known_by_its_certificates(embedded: EmbeddedAzure, tmp_path: Path) -> None:
    leaf = trustme.CA().create_child_ca().issue_cert(common_name="press-07")
    with connected(embedded, identity_of(leaf, tmp_path)) as client:
        client.say(HELLO, Subscribe(1, (("$said/who", 0),)), Publish("$who", b""))
        assert client.hear() == packets.connack(0)
        assert client.hear() == packets.suback(1, [0])
        said = client.hear()
    assert json.loads(said[2:].removeprefix(field(b"$said/who")))["chain"] == 2


def test_disconnect_ends_the_connection(embedded: EmbeddedAzure) -> None:
    with connected(embedded) as client:
        client.say(HELLO, Pingreq(), Disconnect())
        assert [client.hear(), client.hear(), client.hear()] == [packets.connack(0), packets.PINGRESP, b""]


def test_a_refused_client_is_told_why_and_hung_up_on(embedded: EmbeddedAzure) -> None:
    with connected(embedded) as client:
        client.say(Connect("press-07", True, 60, "nobody"))
        assert [client.hear(), client.hear()] == [packets.connack(5), b""]


@pytest.mark.parametrize(
    "said",
    [
        b"GET / HTTP/1.1\r\nHost: parrot.azure-devices.net\r\n\r\n",
        bytes(range(256)) * 1024,
        b"\x10\xff\xff\xff\xff\x7f",
        frame(0x30, field(b"t") + bytes(MAX_PACKET)),
        Publish("t", b"early", 1),
        Pingreq(),
    ],
    ids=["HTTP", "garbage", "endless", "oversized", "PUBLISH", "PINGREQ"],
)
@pytest.mark.parametrize("established", [False, True])
def test_a_protocol_violation_ends_the_connection(
    embedded: EmbeddedAzure, said: packets.Packet | bytes, established: bool
) -> None:
    if established and isinstance(said, Publish | Pingreq):
        said = HELLO
    with connected(embedded) as client:
        if established:
            client.say(HELLO)
            assert client.hear() == packets.connack(0)
        with contextlib.suppress(ConnectionError, ssl.SSLEOFError):
            client.say(said)
        assert client.hear() == b""
    assert heard(embedded, "t") is None
    assert is_alive(embedded)


def test_half_a_packet_leaves_nothing(embedded: EmbeddedAzure) -> None:
    with connected(embedded) as client:
        client.say(HELLO, b"\x32\x20" + field(b"t"))
        assert client.hear() == packets.connack(0)
    assert heard(embedded, "t") is None
    assert is_alive(embedded)


def test_the_last_message_before_a_half_close_is_acknowledged(embedded: EmbeddedAzure) -> None:
    with connected(embedded) as client:
        client.say(HELLO)
        assert client.hear() == packets.connack(0)
        client.say(Publish("t", b"bye", 9))
        client.finish()
        assert [client.hear(), client.hear()] == [packets.puback(9), b""]
    assert heard(embedded, "t") == b"bye"


def test_a_dropped_connection_is_cut_off(embedded: EmbeddedAzure) -> None:
    embedded.azure.faults.add(Fault(Drop(work_done=True), lambda request: request.method == "PUBLISH"))
    with connected(embedded) as client:
        client.say(HELLO, Publish("t", b"lost", 9))
        assert [client.hear(), client.hear()] == [packets.connack(0), b""]
    assert heard(embedded, "t") == b"lost"


def test_a_client_has_one_connection_the_newest(embedded: EmbeddedAzure) -> None:
    with connected(embedded) as first, connected(embedded) as second, connected(embedded) as other:
        for client in (first, other, second):
            client.say(Connect("press-08", True, 0) if client is other else HELLO)
            assert client.hear() == packets.connack(0)
        assert first.hear() == b""
        for client in (second, other):
            client.say(Pingreq())
            assert client.hear() == packets.PINGRESP


def test_a_silent_client_is_taken_for_gone_after_one_and_a_half_times_its_keep_alive(embedded: EmbeddedAzure) -> None:
    with connected(embedded) as silent, connected(embedded) as patient:
        began = time.monotonic()
        silent.say(Connect("silent", True, 1))
        patient.say(Connect("patient", True, 0))
        assert silent.hear() == patient.hear() == packets.connack(0)
        assert silent.hear() == b""
        assert time.monotonic() - began > 1.4, "not before it"
        patient.say(Pingreq())
        assert patient.hear() == packets.PINGRESP


def test_many_long_answers_arrive_whole(embedded: EmbeddedAzure) -> None:
    messages = [bytes([number]) * 200_000 for number in range(100)]
    said: list[packets.Packet] = [HELLO, Subscribe(1, (("$said/#", 0),)), *(Publish("$echo/a", message) for message in messages)]
    answers = [packets.connack(0), packets.suback(1, [0]), *(packets.publish("$said/a", message, None) for message in messages)]

    async def converse() -> None:
        reader, writer = await asyncio.open_connection(sock=tunnel(embedded), ssl=trusting(embedded), server_hostname=HOST)
        writer.write(b"".join([encoded(packet) for packet in said]))
        for answer in answers:
            assert await reader.readexactly(len(answer)) == answer
        writer.close()
        await writer.wait_closed()

    asyncio.run(asyncio.wait_for(converse(), 30))


def test_a_host_without_mqtt_is_no_host_there(embedded: EmbeddedAzure) -> None:
    for host, port in [("management.azure.com", 8883), ("nobodys-hub.azure-devices.net", 8883), (HOST, 1883), (HOST, 8884)]:
        with pytest.raises(ConnectionRefusedError, match="502"):
            tunnel(embedded, host, port).close()


def test_it_can_stop_whatever_is_going_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "asyncio"), ExitStack() as clients:
        with parrot_azure(tmp_path) as embedded:
            raw = [approach(embedded) for approach in (silent, half_asked, half_shaken, half_said)]
            for connection in raw:
                clients.enter_context(connection)
            talking = clients.enter_context(connected(embedded))
            talking.say(HELLO)
            assert talking.hear() == packets.connack(0)
            browsing = clients.enter_context(trusting(embedded).wrap_socket(tunnel(embedded, port=443), server_hostname=HOST))
            browsing.sendall(f"GET /chain HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
            assert browsing.recv(4096).startswith(b"HTTP/1.1 200 ")
            assert heard(embedded, "gone/press-07") is None, "it is still there"
        assert talking.hear() == b""
        assert [record for record in caplog.records if record.levelno > logging.DEBUG] == []
    database = Database(tmp_path / ".dpsops" / "azure.sqlite")
    with database.transaction() as state:
        assert state.get(HEARD, "gone/press-07") is not None
    database.close()


def test_a_port_that_is_taken_is_an_error_and_nothing_stays_behind(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        with pytest.raises(OSError, match="in use"), EmbeddedAzure(tmp_path, port=taken.getsockname()[1]):
            pass
        assert not any(thread.name == "embedded-azure" for thread in threading.enumerate())
