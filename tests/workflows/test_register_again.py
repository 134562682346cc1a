"""A device that registers while its last registration has not ended: DPS may answer 409, and the registration is tried again."""

from __future__ import annotations

import pytest
import requests

from dpsops.azure import credential_files
from dpsops.azure.provisioning import GLOBAL_HOST, register_over_mqtt
from dpsops.azure.registration_answers import Assigned
from dpsops.emulator.faults import Fault, Refuse
from dpsops.emulator.habits import Habits
from dpsops.emulator.http import Request, Response
from dpsops.emulator.world import Timings
from dpsops.errors import StillRegistering
from dpsops.workflows import register
from tests.workflows.by_hand import azure
from tests.workflows.doing import HUB, PRESS, fetched, over, ready
from tests.worlds import World

WAITING = f"waiting until another registration of {PRESS} ends (at most a minute)"


def test_a_registration_waits_for_the_one_before(embedded: World) -> None:
    connection = ready(embedded)
    embedded_azure = azure(embedded)
    embedded_azure.habits = Habits(parallel_registrations=False)
    embedded_azure.timings = Timings(operation=25)
    begin(embedded)
    done = over("https", connection)
    assert done.assigned.hub == HUB
    assert embedded.said.count(WAITING) == 3


def begin(world: World) -> None:
    """Begins a registration of press-07, and leaves it."""
    connection = world.connect()
    scope = register.id_scope(connection.dps)
    with credential_files.files(fetched(connection, PRESS)) as files, requests.Session() as session:
        session.trust_env = False
        answer = session.put(
            f"https://{GLOBAL_HOST}/{scope}/registrations/{PRESS}/register?api-version=2021-10-01",
            json={"registrationId": PRESS},
            cert=files,
            verify=connection.wire.authority_file,
            proxies={"https": connection.wire.proxy},
            timeout=30,
        )
    assert answer.status_code == 202


def test_a_registration_that_never_ends_is_reported(embedded: World) -> None:
    connection = ready(embedded)
    body = {"errorCode": 409000, "trackingId": "t", "message": "Conflict", "timestampUtc": "2026-03-01T00:00:00Z"}
    asked: list[str] = []

    def is_meant(request: Request) -> bool:
        meant = request.method == "PUT" and request.path.endswith("/register")
        asked.extend([request.path] if meant else [])
        return meant

    refusal = Response(409, body, {"x-ms-error-code": "409000"})
    azure(embedded).faults.add(Fault(Refuse(refusal), is_meant, times=None))
    began = embedded.clock.now()
    with pytest.raises(StillRegistering, match=r"DPS refused the registration: Conflict \(409000\)") as refused:
        over("https", connection)
    assert "has not ended yet" in refused.value.hint
    assert (len(asked), embedded.clock.now() - began) == (6, 50)


def test_it_waits_over_mqtt_too(quick: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK waits in real time, so the clock moves on only where dpsops waits."""
    world = azure(quick)
    connection = ready(quick)
    quick.clock.advance(60)
    world.habits = Habits(parallel_registrations=False)
    world.timings = Timings(operation=15)
    begin(quick)
    refused: list[int] = []

    def once(*given: object) -> Assigned:
        try:
            return register_over_mqtt(*given)  # type: ignore[arg-type]
        except StillRegistering as refusal:
            refused.append(refusal.code)
            if len(refused) == 2:
                world.timings = Timings()
            raise

    monkeypatch.setattr(register, "register_over_mqtt", once)
    assert over("mqtt", connection).assigned.hub == HUB
    assert refused == [409, 409]
