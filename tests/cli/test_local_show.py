"""`dpsops local show`: what is in the embedded Azure, served or at rest, and never a key."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from dpsops.cli.contents import Served, document, hosts, text
from dpsops.cli.embedded import STATE_DIRECTORY
from dpsops.emulator.contents import NEWEST, Contents, Enrollment, Identity, Message, Registration
from dpsops.emulator.door import Listen
from dpsops.emulator.iothub.devices import devices_of, keep_message, save_device
from dpsops.emulator.iothub.messages import enqueue
from dpsops.emulator.iothub.state import every_hub
from dpsops.emulator.iothub.telemetry import new_message
from dpsops.emulator.server import EmbeddedAzure
from dpsops.emulator.world import World
from tests.cli.terminal import Terminal


def test_nothing_is_there_and_nothing_is_made(terminal: Terminal, tmp_path: Path) -> None:
    assert terminal("local", "show")[:2] == (0, "not served: dpsops local serve --detach\nnothing is in it: dpsops up\n")
    found = terminal.json("local", "show")
    assert (found["served"], found["proxy"], found["listen"]) == (False, None, None)
    assert [found[name] for name in ("vaults", "enrollments", "registrations", "identities", "messages")] == [[]] * 5
    assert not (tmp_path / ".dpsops").exists()


def test_what_is_there_at_rest_and_while_it_is_served(terminal: Terminal) -> None:
    terminal.stand()
    assert terminal("device", "issue", "press-07")[0] == 0
    assert terminal("device", "register", "press-07")[0] == 0
    _let_the_devices_speak()
    found = terminal.json("local", "show")
    assert found["vaults"][0]["keys"] == found["vaults"][0]["certificates"] == ["root-g1"]
    assert found["vaults"][0]["secrets"] == ["device-press-07", "root-g1"]
    assert found["enrollments"] == [
        {"dps": "dps-dpsops-local", "id": "devices", "group": True, "attestation": "x509", "enabled": True}
    ]
    registration = found["registrations"][0]
    assert (registration["id"], registration["enrollment_group"], registration["status"]) == ("press-07", "devices", "assigned")
    assert registration["hub"] == "iot-dpsops-local.azure-devices.net"
    identity = found["identities"][0]
    assert (identity["device"], identity["authentication"], identity["connected"]) == ("press-07", "selfSigned", False)
    assert identity["waiting"] == 1
    said = [(each["direction"], each["encoding"], each["body"], each["properties"]) for each in found["messages"][-3:]]
    assert said == [
        ("device-to-cloud", "utf-8", "hot\x1b[2J", {"unit": "C"}),
        ("device-to-cloud", "base64", "/w==", {}),
        ("cloud-to-device", "utf-8", "cool", {"to": "me"}),
    ]
    shown = terminal("local", "show")[1]
    assert "identity press-07: enabled, not connected, selfSigned, " in shown
    assert "press-07 to iot-dpsops-local: hot\\x1b[2J unit=C\n" in shown
    assert f"DPS dps-dpsops-local: ID scope {terminal.json('status')['dps']['id_scope']}\n" in shown
    assert shown.endswith("127.0.0.1 iot-dpsops-local.azure-devices.net\n")
    assert terminal("local", "serve", "--detach", "--port", "0", *_free_doors())[0] == 0
    try:
        served = terminal.json("local", "show")
        assert served["identities"][0]["connected"] is True
        assert served["listen"]["address"] == "127.0.0.1"
        assert served["proxy"] == terminal.json("local", "env")["HTTPS_PROXY"]
        assert terminal("local", "show")[1].startswith(f"served at {served['proxy']}, and at 127.0.0.1 on ")
    finally:
        assert terminal("local", "stop")[0] == 0
    assert served["hosts"] == found["hosts"]


def _free_doors() -> tuple[str, ...]:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        https, mqtt = (str(each.getsockname()[1]) for each in (one, other))
    return "--listen", "127.0.0.1", "--https-port", https, "--mqtt-port", mqtt


def _let_the_devices_speak() -> None:
    """Each device of the directory is connected, has sent a text and a byte that is none, and has a message waiting."""
    with EmbeddedAzure(STATE_DIRECTORY) as azure, azure.azure.database.transaction() as state:
        world = World(state, azure.azure.clock.now())
        for hub in every_hub(world):
            for device in devices_of(world, hub):
                for bag, payload in (("unit=C", b"hot\x1b[2J"), ("", b"\xff")):
                    now = devices_of(world, hub)[0] | {"connection": "c1"}
                    keep_message(world, hub, now, new_message(bag, payload, now, "x509Certificate", world.now))
                enqueue(world, hub, device, {"body": "Y29vbA==", "properties": {"to": "me"}, "system": {"ack": "none"}})
                save_device(world, hub, devices_of(world, hub)[0] | {"connection": "c1"})


def test_no_key_is_shown(terminal: Terminal) -> None:
    terminal.stand()
    assert terminal("device", "issue", "press-07")[0] == 0
    shown = json.dumps(terminal.json("local", "show")) + terminal("local", "show")[1]
    with EmbeddedAzure(STATE_DIRECTORY) as azure:
        rows = azure.azure.database._connection.execute("SELECT body FROM document").fetchall()
        secret = azure.client_secret
    values = {value for (body,) in rows for value in _texts(json.loads(body))}
    keys = {value for value in values if "PRIVATE KEY" in value or re.fullmatch(r"[A-Za-z0-9+/]{43}=", value)} | {secret}
    assert len(keys) > 3
    assert not [each for each in keys if each in shown]


def _texts(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for each in value.values():
                yield from _texts(each)
        case list():
            for each in value:
                yield from _texts(each)


REGISTRATION = Registration("dps1", "d1", "", "failed", "", 0.0, "400208 No hub.")
IDENTITY = Identity("hub1", "d1", enabled=False, connected=True, authentication="sas", last_activity=None, sent=1, waiting=0)


def test_each_state_has_its_words() -> None:
    found = Contents(
        services=(),
        hubs=("hub1",),
        identities=tuple(replace(IDENTITY, device=f"d{number}") for number in range(23)),
    )
    lines = text(found, Served("http://127.0.0.1:1", None)).splitlines()
    assert lines[2] == "  identity d0: disabled, connected, sas, 1 message sent, 0 waiting"
    assert "  and 3 more: dpsops --output json local show" in lines
    shown = document(
        replace(found, registrations=(REGISTRATION,), enrollments=(Enrollment("dps1", "d1", False, "tpm", False),)), None
    )
    assert shown["registrations"][0]["failure"] == "400208 No hub."
    assert shown["enrollments"][0]["enabled"] is False
    assert len(shown["identities"]) == 23


def test_the_lines_for_the_hosts_lead_to_where_it_listens() -> None:
    found = Contents(hubs=("hub1",))
    for listen, address in ((None, "127.0.0.1"), (Listen("0.0.0.0"), "127.0.0.1"), (Listen("192.0.2.7"), "192.0.2.7")):  # noqa: S104
        assert list(hosts(found, listen))[-1] == f"{address} hub1.azure-devices.net"


def test_the_newest_messages_are_shown(terminal: Terminal) -> None:
    terminal.stand()
    assert terminal("device", "issue", "press-07")[0] == 0
    assert terminal("device", "register", "press-07")[0] == 0
    with EmbeddedAzure(STATE_DIRECTORY) as azure:
        with azure.azure.database.transaction() as state:
            for number in range(NEWEST + 5):
                world = World(state, azure.azure.clock.now() + number)
                hub = every_hub(world)[0]
                device = devices_of(world, hub)[0]
                keep_message(world, hub, device, new_message("", str(number).encode(), device, "x509Certificate", world.now))
            enqueue(world, hub, device, {"body": "Y29vbA==", "properties": {}, "system": {}})
        newest: tuple[Message, ...] = azure.contents().messages
    assert [each.body.decode() for each in newest] == [*(str(number) for number in range(6, NEWEST + 5)), "cool"]
