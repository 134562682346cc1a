"""A device that asks Azure for its certificates: in every way in which it gets none, and when the hub takes its time."""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from dpsops.azure.device_mqtt import Session
from dpsops.azure.provisioning import send_message
from dpsops.azure.renewal import renew
from dpsops.azure.waits import Waiting
from dpsops.cli.connection import Connection
from dpsops.emulator.faults import Drop, Effect, Fault, Refuse
from dpsops.emulator.habits import Habits
from dpsops.emulator.http import Response
from dpsops.emulator.world import Timings
from dpsops.errors import Error, InvalidInput, RegistrationRefused, Unavailable, Unreadable
from dpsops.pki import operational
from dpsops.pki.bundles import DeviceCredential
from dpsops.settings import Waits
from dpsops.workflows import register
from tests.workflows.by_hand import azure
from tests.workflows.commands import block, members, replace_compromised, unblock
from tests.workflows.doing import HUB, PRESS, fetched, over, ready
from tests.worlds import World, waited

POLICY = {"certificate_policy": {"namespace": "adr-plant", "authority": "ca-plant", "name": "monthly"}}
KEY = ec.generate_private_key(ec.SECP256R1())
REFUSED = Refuse(Response(503))
DPS = "global.azure-devices-provisioning.net"
GONE = Drop(work_done=False)


@pytest.fixture
def prompt(embedded: World) -> World:
    """An embedded Azure without delays, because what is waited for here comes in real time."""
    azure(embedded).timings = Timings()
    return embedded


def renewing(connection: Connection, transport: str = "mqtt", key: ec.EllipticCurvePrivateKey | None = None) -> register.Renewed:
    """Plays press-07, which asks for its certificates, for `key` or keys of its own."""
    return register.register_and_renew(
        PRESS,
        fetched(connection, PRESS),
        register.id_scope(connection.dps),
        connection.wire,
        transport=transport,
        new_key=lambda: key or ec.generate_private_key(ec.SECP256R1()),
        wait=connection.run.sleep,
        now=connection.run.now(),
        progress=connection.run.progress,
    )


def trouble(world: World, effect: Effect, method: str, host: str, path: str = "") -> None:
    """An effect on what devices do over MQTT."""
    azure(world).faults.add(Fault(effect, lambda each: (each.method, each.host) == (method, host) and path in each.path))


@pytest.mark.parametrize("habits", [Habits(), Habits(issued_trust="thumbprint")])
def test_it_gets_them_however_the_hub_trusts_them(prompt: World, habits: Habits) -> None:
    azure(prompt).habits = habits
    connection = ready(prompt, group=POLICY)
    for _ in range(2):
        done = renewing(connection)
        assert done.registered.sent
        assert done.renewed is not None
        assert done.issued[0] != done.renewed[0]
        assert done.issued[1:] == done.renewed[1:]


def test_it_waits_for_a_slow_hub(prompt: World) -> None:
    azure(prompt).timings = Timings(renewal=0.05)
    connection = ready(prompt, group=POLICY)
    seconds = 0.0

    def now() -> float:
        nonlocal seconds
        seconds += 0.01
        prompt.clock.advance(0.01)
        return seconds

    patient = replace(connection, wire=replace(connection.wire, waiting=Waiting(now=now)))
    assert renewing(patient).registered.sent


def test_it_does_not_wait_for_ever(prompt: World) -> None:
    connection = ready(prompt, group=POLICY)
    holding = operational.credential(KEY, renewing(connection, "https", KEY).issued)
    azure(prompt).timings = Timings(renewal=1e6)
    wire = replace(connection.wire, waits=Waits(registration_seconds=0.2), waiting=Waiting())
    with pytest.raises(Unavailable, match=f"the certificate of {PRESS}"):
        renew(HUB, PRESS, holding, wire, operational.request_for(KEY, PRESS))


@pytest.mark.parametrize(
    ("effect", "method", "host", "words", "kind"),
    [
        (REFUSED, "CONNECT", DPS, "DPS refused the connection", RegistrationRefused),
        (GONE, "CONNECT", DPS, DPS, Unavailable),
        (GONE, "SUBSCRIBE", DPS, "closed the connection", Unavailable),
        (GONE, "PUBLISH", DPS, "closed the connection", Unavailable),
        (REFUSED, "CONNECT", HUB, f"the hub {HUB} refuses the connection of press-07", Error),
        (GONE, "SUBSCRIBE", HUB, "closed the connection", Unavailable),
        (GONE, "PUBLISH", HUB, "closed the connection", Unavailable),
    ],
)
def test_trouble_on_the_way_is_said(prompt: World, effect: Effect, method: str, host: str, words: str, kind: type[Error]) -> None:
    connection = ready(prompt, group=POLICY)
    trouble(prompt, effect, method, host)
    with pytest.raises(kind, match=words):
        renewing(connection)
    assert renewing(connection).registered.sent  # and then it is over


def test_a_hub_that_has_no_policy_for_the_device_says_so(prompt: World) -> None:
    connection = ready(prompt)
    over("mqtt", connection)
    with pytest.raises(Error, match=r"issues no certificate to press-07: Credential management operation failed. \(400040\)"):
        renew(HUB, PRESS, fetched(connection, PRESS), connection.wire, operational.request_for(KEY, PRESS))


def test_a_request_that_does_not_verify_is_said_to_be_so(prompt: World) -> None:
    connection = ready(prompt, group=POLICY)
    holding = operational.credential(KEY, renewing(connection, "https", KEY).issued)
    with pytest.raises(Error, match=r"\(CSR did not pass verification\) \(400037\)"):
        renew(HUB, PRESS, holding, connection.wire, operational.request_for(KEY, "press-08"))


def test_without_the_sdk_it_says_what_to_install(prompt: World, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = ready(prompt, group=POLICY)
    monkeypatch.setitem(sys.modules, "paho.mqtt.client", None)
    with pytest.raises(InvalidInput, match="device SDK"):
        renewing(connection)


@pytest.mark.parametrize("payload", [b"{", b"\xff", b"[" * 100_000])
def test_an_answer_that_is_no_json_is_said_to_be_none(prompt: World, payload: bytes) -> None:
    session = Session(HUB, ready(prompt).wire, None)
    session.heard("$iothub/credentials/res/200/?$rid=1", payload)
    with pytest.raises(Unreadable):
        session.next("1", 1)


def issued_to(connection: Connection) -> DeviceCredential:
    """What press-07 holds after Azure has issued a certificate to it."""
    return operational.credential(KEY, renewing(connection, "https", KEY).issued)


def test_nobody_says_which_of_our_certificates_it_registers_with(prompt: World) -> None:
    settings = ready(prompt, group=POLICY).run.environment
    issued_to(prompt.connect(settings))
    found = members(prompt.connect(settings))[0]
    assert (found.issued_by_azure, found.registered_thumbprint, found.uses_newest_leaf) == (True, "", False)
    assert found.hub == HUB


def test_a_block_keeps_it_out_and_an_unblock_lets_it_in(prompt: World) -> None:
    connection = ready(prompt, group=POLICY)
    holding = issued_to(connection)
    block(connection, PRESS)
    with pytest.raises(Error, match="refuses the connection"):
        send_message(HUB, PRESS, holding, connection.wire, "hello")
    unblock(connection, PRESS)
    send_message(HUB, PRESS, holding, connection.wire, "hello")


def test_after_a_breach_what_azure_has_issued_before_opens_nothing(prompt: World) -> None:
    settings = ready(prompt, group=POLICY).run.environment
    stolen = issued_to(prompt.connect(settings))
    replace_compromised(prompt.connect(settings))
    connection = prompt.connect(settings)
    identity = waited(connection.hubs.identity(HUB, PRESS))
    assert identity is not None
    assert (identity.authentication, identity.is_enabled) == ("selfSigned", True)
    with pytest.raises(Error, match="refuses the connection"):
        send_message(HUB, PRESS, stolen, connection.wire, "hello")
    assert renewing(connection).registered.sent
