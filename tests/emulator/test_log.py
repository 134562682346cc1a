"""The log: a line for each request and MQTT packet, with the service's reason for a refusal, and nothing secret."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from dpsops.emulator.azure import Azure
from dpsops.emulator.dps.errors import refusal as dps_refusal
from dpsops.emulator.faults import Drop, Fault
from dpsops.emulator.http import Refusal, Request, Response
from dpsops.emulator.identity.errors import refusal as sign_in_refusal
from dpsops.emulator.iothub.errors import unauthorized
from dpsops.emulator.keyvault.errors import forbidden
from dpsops.emulator.log import Log
from dpsops.emulator.microsoft_devices.errors import key_not_found
from dpsops.emulator.mqtt.conversation import Conversation
from dpsops.emulator.mqtt.packets import Connect, Disconnect, Packet, Pingreq, Puback, Publish, Subscribe, Unsubscribe
from dpsops.emulator.post import Publication
from dpsops.emulator.server import EmbeddedAzure
from dpsops.emulator.state import Database
from dpsops.emulator.world import Clock, World
from tests.emulator.iothub.lab import LEAF, ROOT, Lab, self_signed
from tests.emulator.mqtt.client import encoded
from tests.emulator.mqtt.lab import connected, tunnel
from tests.emulator.mqtt.parrot import HOST, Parrot, parrot_azure

EPOCH = "1970-01-01T00:00:00Z"
_DER = Encoding.DER
PUT = Request("PUT", "h", "/p", {"api-version": "1"})


@pytest.fixture
def lines() -> list[str]:
    """What has been written, without the time."""
    return []


@pytest.fixture
def log(lines: list[str]) -> Log:
    """A log whose every line begins with the same time."""

    def write(line: str) -> None:
        assert line.startswith(f"{EPOCH} ")
        lines.append(" ".join(line.removeprefix(EPOCH).split()))

    return Log(Clock(frozen_at=0), write)


@pytest.fixture
def azure(log: Log) -> Iterator[Azure]:
    """An embedded Azure with a parrot, and a log."""
    database = Database(None)
    yield Azure(database, Clock(frozen_at=0), endpoints=(Parrot(),), log=log)
    database.close()


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[EmbeddedAzure]:
    """The same, over a real socket, and without a log yet."""
    with parrot_azure(tmp_path) as running:
        yield running


def say(azure: Azure, *said: Packet | bytes) -> Conversation:
    """A conversation in which a client has said this at once."""
    conversation = Conversation(azure, HOST, ())
    list(conversation.hear(b"".join(part if isinstance(part, bytes) else encoded(part) for part in said)))
    return conversation


def test_a_line_for_each_packet_in_its_order(azure: Azure, lines: list[str]) -> None:
    echo, nest = Subscribe(1, (("$said/#", 1), ("$nest", 0))), Publish("$nest", b"x")
    ours = f"{HOST} d1"
    first = say(azure, Connect("d1", False, 60, "u", b"p"), echo, Publish("$echo/a", b"12", 7), Puback(1), Pingreq())
    first.push(Publication("elsewhere", b""))
    list(first.hear(encoded(Unsubscribe(2, ("$said/#",))) + encoded(Disconnect())))
    first.end()
    assert lines == [
        f"CONNECT accepted {ours}",
        f"SUBSCRIBE granted 1 {ours} $said/#",
        f"SUBSCRIBE refused {ours} $nest",
        f"PUBLISH taken {ours} $echo/a (2 bytes)",
        f"PUBLISH sent {ours} $said/a (2 bytes)",
        f"PUBACK taken {ours} 1",
        f"PINGREQ taken {ours}",
        f"PUBLISH not sent {ours} elsewhere (0 bytes): the client has not subscribed to it",
        f"UNSUBSCRIBE taken {ours} $said/#",
        f"DISCONNECT taken {ours}",
    ]
    lines.clear()
    say(azure, Connect("d1", False, 60, "u", b"p"), nest)
    say(azure, Connect("d2", False, 60, "nobody", b"p"))
    say(azure, Connect("d3", False, 60)).end()
    say(azure, b"GET / HTTP/1.1\r\n")
    azure.faults.add(Fault(Drop(work_done=True)))
    say(azure, Connect("d4", False, 60))
    assert [each for each in lines if "accepted" not in each] == [
        f"PUBLISH closed {ours} $nest (1 bytes): the service does not allow it",
        f"CONNECT refused 5 {HOST} d2: not authorized",
        f"- ended {HOST} d3: without a DISCONNECT",
        f"? closed {HOST}: a client does not send packets of type 4 with flags 7",
        f"CONNECT closed {HOST}: a fault that was asked for",
    ]


def answered(refusal: Refusal) -> Response:
    return refusal.response


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        (lambda _: Response(201, {"code": "x", "message": "y"}), "201 h/p?api-version=1"),
        (lambda world: answered(dps_refusal(world, 401_002, "CA certificate not found.")), "401002 CA certificate not found."),
        (lambda world: answered(sign_in_refusal(world, "invalid_client", 7000215, "Wrong.")), "AADSTS7000215: Wrong. Trace ID"),
        (lambda world: answered(unauthorized(world, "it is disabled")), "ErrorCode:IotHubUnauthorizedAccess;Unauthorized (it is"),
        (lambda _: answered(forbidden("No.")), "403 h/p?api-version=1: Forbidden No."),
        (lambda world: answered(key_not_found(world, "k")), "404001 Key name not found: k."),
        (
            lambda _: Response(409, {"error": {"code": "A", "message": "b", "details": [{"code": "C", "message": "d"}]}}),
            ": A b; C d",
        ),
        (lambda _: Response(200, {"status": "Failed", "error": {"code": "A", "message": "b"}}), "200 h/p?api-version=1: A b"),
        (lambda _: Response(200, {"registrationState": {"status": "assigned", "assignedHub": "x"}}), ": assigned to x"),
        (
            lambda _: Response(200, {"registrationState": {"status": "failed", "errorCode": 400208, "errorMessage": "No."}}),
            ": failed: 400208 No.",
        ),
        (lambda _: Response(200, {"registrationState": {"status": "disabled"}}), "?api-version=1: disabled"),
        (lambda _: Response(400, b"no JSON"), ": no JSON"),
    ],
)  # fmt: skip
def test_each_service_says_in_its_own_shape_why_it_refuses(log: Log, lines: list[str], answer: object, line: str) -> None:
    assert callable(answer)
    database = Database(None)
    with database.transaction() as state:
        log.exchange(PUT, answer(World(state, 0)))
    database.close()
    assert len(lines) == 1
    assert lines[0].startswith("PUT ")
    assert line in lines[0]


KEY = "aGVsbG8gd29ybGQgaGVsbG8gd29ybGQgaGVsbG8gd29ybGQ="


@pytest.mark.parametrize(
    "secret",
    [f"sr=x&sig={KEY}&se=1", f"HostName=h;SharedAccessKey={KEY}", "eyJhbGciOiJSUzI1NiJ9.e30.c2ln", KEY, "client_secret=s3cr"],
)
def test_what_looks_like_a_credential_is_masked(log: Log, lines: list[str], secret: str) -> None:
    log.exchange(
        Request("GET", "h", f"/{secret}", {"sig": "other"}, {"authorization": "mine"}, b"body"),
        Response(400, b"no " + secret.encode()),
    )
    log.tell("PUBLISH", "taken", secret, secret)
    for each in (KEY[:40], "c2ln", "s3cr", "other", "mine", "body"):
        assert each not in "".join(lines)
    assert len(lines) == 2


def test_a_client_can_neither_break_a_line_nor_command_a_terminal(log: Log, lines: list[str]) -> None:
    log.tell("GET\n", "200", "a\r\nb\x1b[2J\u2028" + "x" * 9999)
    assert len(lines) == 1
    assert "a\\x0d\\x0ab\\x1b[2J" in lines[0]
    assert len(lines[0]) < 700


def test_the_log_says_why_a_hub_refuses_a_device() -> None:
    lab = Lab()
    told: list[str] = []
    lab.azure.log = Log(lab.azure.clock, told.append)
    self_signed(lab, LEAF)
    lab.create("off", status="disabled", authentication={"type": "sas"})
    lab.create("keyed", authentication={"type": "sas"})
    lab.create("authority", authentication={"type": "certificateAuthority"})
    name = "hub1.azure-devices.net/{}/?api-version=2019-10-01"
    for device, user, chain, reason in (
        ("d1", "d1", (ROOT.leaf("d1").public_bytes(_DER),), "its certificate is none that its identity names by thumbprint"),
        ("d1", "d1", (), "it has sent no certificate"),
        ("d1", "d1", (b"x",), "its certificate cannot be read"),
        ("d1", "d2", (), "the client identifier is not the device ID of the user name"),
        ("none", "none", (), "the hub has no such device"),
        ("off", "off", (), "the device is disabled"),
        ("keyed", "keyed", (), "what it has sent is no shared access signature"),
        ("authority", "authority", (LEAF.public_bytes(_DER),), "the common name of its certificate is not its device ID"),
        ("d1", "d1/", (LEAF.public_bytes(_DER),), "the user name is not HOST/DEVICE/?api-version=VERSION"),
    ):  # fmt: skip
        conversation = Conversation(lab.azure, "hub1.azure-devices.net", chain)
        said = Connect(device, False, 60, name.format(user), b"word")
        assert next(conversation.hear(encoded(said)))[:3] == b"\x20\x02\x00"
        assert f" {device}: " in told[-1], told[-1]
        assert reason in told[-1]


def test_what_never_becomes_a_request_has_its_line(embedded: EmbeddedAzure) -> None:
    told: list[str] = []
    embedded.azure.log = Log(embedded.azure.clock, told.append)
    with pytest.raises(ConnectionRefusedError):
        tunnel(embedded, "nobody.vault.azure.net", 443)
    assert told.pop().endswith("nobody.vault.azure.net:443: there is nothing at this host and port")
    with (
        pytest.raises(ssl.SSLError),
        tunnel(embedded) as raw,
        ssl.create_default_context().wrap_socket(raw, server_hostname=HOST),
    ):
        pass
    with connected(embedded) as client:  # by now the alert has come
        client.say(Connect("d1", False, 60, "u"))
        client.hear()
    assert "unknown ca" in told[0]
    assert told[0].split()[1:4] == ["TLS", "failed", f"{HOST}:"]
    assert told[1].split()[1:] == ["CONNECT", "accepted", HOST, "d1"]


def test_no_log_is_kept_unless_somebody_asks_for_it(tmp_path: Path) -> None:
    with EmbeddedAzure(tmp_path / "off") as off:
        assert (off.azure.log, off.azure.observers) == (None, [])
    told: list[str] = []
    with EmbeddedAzure(tmp_path / "on", log=told.append) as on:
        on.azure.handle(Request("GET", "login.microsoftonline.com", "/nowhere"))
    assert [each.split()[1:4] for each in told] == [["GET", "404", "login.microsoftonline.com/nowhere:"]]
