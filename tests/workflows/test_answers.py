"""For any answer of a service, a command succeeds or ends with one clear error, never with a traceback.

A command runs once for each chosen value in the answers that it gets, and another value replaces that one. By default `AT_MOST`
values are chosen for each command, spread evenly, each with the next of the other values; `DPSOPS_TEST_ANSWERS=each` chooses
every value, and `make answers` tries every other value for each.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from dpsops.cli.connection import Connection
from dpsops.emulator.azure import Azure
from dpsops.emulator.http import NOTHING
from dpsops.emulator.world import Timings
from dpsops.errors import Error
from dpsops.model.enrollment import IndividualSettings
from dpsops.model.rotation import Phase
from dpsops.pki.names import device_id
from tests.workflows.commands import (
    block,
    csr,
    issue_to,
    member,
    members,
    plan,
    renew,
    replace_compromised,
    rotate,
    rotation_status,
    status,
    unblock,
    up,
)
from tests.workflows.doing import OTHER, PRESS, over
from tests.workflows.mangling import MANGLINGS, Mangler, places
from tests.workflows.saved import Saved
from tests.worlds import World, embedded_world, environment, forget_challenges, start_embedded

pytestmark = pytest.mark.usefixtures("unmeasured")

EXTENT = os.environ.get("DPSOPS_TEST_ANSWERS", "")
AT_MOST = 24

Command = Callable[[Connection], object]

COMMANDS: dict[str, Command] = {
    "up": up,
    "plan": plan,
    "status": status,
    "issue": lambda to: issue_to(to, device_id("press-09"), PRESS, individual=IndividualSettings(hub="iot-dpsops-test")),
    "renew": lambda to: renew(to, PRESS, OTHER),
    "list": members,
    "show": lambda to: member(to, OTHER),
    "register": lambda to: over("https", to),
    "block": lambda to: block(to, PRESS),
    "unblock": lambda to: unblock(to, PRESS),
    "rotate": lambda to: rotate(to, Phase.PROMOTED),
    "rotate status": rotation_status,
    "compromised": replace_compromised,
    "csr": csr,
}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, Saved]]:
    """An environment with a device under the group, and one with an individual enrollment; both are registered."""
    directory = tmp_path_factory.mktemp("answers")
    with start_embedded(directory, Timings()) as azure:
        world = embedded_world(azure, environment(root={"key": "EC-P256"}), direct=True)
        connection = world.connect()
        up(connection)
        issue_to(connection, PRESS)
        issue_to(connection, OTHER, individual=IndividualSettings())
        over("https", connection)
        yield world, Saved.of(directory)


def attempt(world: World, saved: Saved, command: Command, mangler: Mangler) -> Error | None:
    """Runs a command. Returns the `Error` that it raised, if any."""
    saved.restore()
    forget_challenges()
    mangler.answers.clear()
    try:
        command(world.connect())
    except Error as error:
        return error
    return None


@pytest.mark.parametrize("name", COMMANDS)
def test_every_value_of_every_answer(name: str, prepared: tuple[World, Saved], monkeypatch: pytest.MonkeyPatch) -> None:
    world, saved = prepared
    mangler = Mangler()
    monkeypatch.setattr(Azure, "handle", mangler.handler)
    assert attempt(world, saved, COMMANDS[name], mangler) is None
    answers = list(mangler.answers)
    tried = clear = 0
    tracebacks: list[str] = []
    for number, place, instead in manglings([response.body for _, response in answers]):
        mangler.number, mangler.place, mangler.instead = number, place, instead
        try:
            clear += attempt(world, saved, COMMANDS[name], mangler) is not None
        except Exception as traceback:
            request = answers[number][0]
            what = next(what for what, each in MANGLINGS.items() if each is instead)
            tracebacks.append(f"{request.method} {request.host}{request.path}: {what} at {place}: {traceback!r}")
        tried += 1
    assert tracebacks == []
    assert tried > 3
    assert clear > 0


def manglings(bodies: list[Any]) -> Iterator[tuple[int, tuple[str | int, ...], Any]]:
    """Each time: the number of the answer, the place in it, and the new value."""
    found = [(number, place) for number, body in enumerate(bodies) if body is not NOTHING for place in places(body)]
    others = list(MANGLINGS.values())
    if EXTENT == "all":
        yield from ((number, place, each) for number, place in found for each in others)
        return
    stride = 1 if EXTENT == "each" else -(-len(found) // AT_MOST)
    for turn, (number, place) in enumerate(found[::stride]):
        yield number, place, others[turn % len(others)]
