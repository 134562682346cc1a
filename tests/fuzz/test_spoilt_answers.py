"""For any answer on the wire a command succeeds or ends with one clear error: no traceback, no endless wait, and nothing is sent
to another host.

By default each kind of spoilt answer is tried on one answer of one command; `make fuzz` tries each on many (`profile.py`).
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random

import pytest

from dpsops.cli.connection import Connection
from dpsops.emulator.azure import Azure
from dpsops.emulator.world import Timings
from dpsops.errors import Error
from dpsops.model.enrollment import IndividualSettings
from tests.fuzz.profile import SEED, TIMES
from tests.fuzz.spoiling import OPERATION, PAGE, SIGN_IN, SPOILS, Spoiler
from tests.workflows.commands import issue_to, up
from tests.workflows.doing import OTHER, PRESS, over
from tests.workflows.saved import Saved
from tests.workflows.test_answers import COMMANDS
from tests.worlds import World, embedded_world, environment, forget_challenges, start_embedded

FIRST = "first up"
ALL: dict[str, Callable[[Connection], object]] = {FIRST: up} | COMMANDS

LONG = (FIRST, "rotate", "compromised")
"""These take as long as all others together: the short part has only the pages and operations of theirs."""

pytestmark = pytest.mark.usefixtures("unmeasured")

PATIENCE_SECONDS = 60
"""Real seconds after which a command hangs: one that is left alone takes two at most, and it waits on the world's clock."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """The world, its state before anything is there, and that with two devices, which are both registered."""

    world: World
    empty: Saved
    ready: Saved

    def before(self, name: str) -> Saved:
        """The state before a command."""
        return self.empty if name == FIRST else self.ready


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prepared]:
    directory = tmp_path_factory.mktemp("spoilt")
    with start_embedded(directory, Timings(operation=20, certificate=5)) as azure:
        world = embedded_world(azure, environment(root={"key": "EC-P256"}), direct=True)
        empty = Saved.of(directory)
        connection = world.connect()
        up(connection)
        issue_to(connection, PRESS)
        issue_to(connection, OTHER, individual=IndividualSettings())
        over("https", connection)
        yield Prepared(world, empty, Saved.of(directory))


@contextmanager
def patience() -> Iterator[None]:
    """Ends a command that hangs, with a `TimeoutError` that says where."""

    def end(*_: object) -> None:
        raise AssertionError("it hangs")

    before = signal.signal(signal.SIGALRM, end)
    signal.alarm(PATIENCE_SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def attempt(prepared: Prepared, name: str, spoiler: Spoiler) -> Error | None:
    """Runs a command, signed out. Returns the `Error` that it raised, if any."""
    prepared.before(name).restore()
    forget_challenges()
    prepared.world.sign_out()
    spoiler.begin()
    try:
        with patience():
            ALL[name](prepared.world.connect())
    except Error as error:
        return error
    return None


def chosen(answers: dict[str, list[frozenset[str]]]) -> Iterator[tuple[str, int, str, bool]]:
    """Each time: a command, the number of an answer, how it is spoilt, and whether those after it are too."""
    chance = Random(SEED)  # noqa: S311
    for _ in range(TIMES):
        for spoil in SPOILS:
            kind = next((kind for kind in (PAGE, OPERATION, SIGN_IN) if spoil.startswith(kind)), "")
            places = [
                (name, number)
                for name, kinds in answers.items()
                for number, found in enumerate(kinds)
                if (kind in found if kind else TIMES > 1 or name not in LONG)
            ]
            name, number = chance.choice(places)
            yield name, number, spoil, chance.random() < 0.2


def test_spoilt_answers(prepared: Prepared, monkeypatch: pytest.MonkeyPatch) -> None:
    spoiler = Spoiler()
    monkeypatch.setattr(Azure, "handle", spoiler.handler)
    monkeypatch.setattr(Azure, "resolves", spoiler.resolver)
    answers: dict[str, list[frozenset[str]]] = {}
    for name in ALL:
        assert attempt(prepared, name, spoiler) is None
        answers[name] = list(spoiler.kinds)
    wrong: list[str] = []
    clear = 0
    for case in chosen(answers):
        name, spoiler.number, spoil, spoiler.lasting = case
        spoiler.spoil, spoiler.chance = SPOILS[spoil], Random(f"{SEED} {case}")  # noqa: S311
        try:
            error = attempt(prepared, name, spoiler)
        except Exception as defect:
            wrong.append(f"{case}: {defect!r} after {spoiler.last}")
        else:
            clear += error is not None
            if error is not None and not _is_clear(error):
                wrong.append(f"{case}: {error.message!r}, {error.hint!r} after {spoiler.last}")
        if spoiler.stolen:
            sent = [f"{each.method} with {sorted(set(each.headers) & {'authorization'})}" for each in spoiler.stolen]
            wrong.append(f"{case}: sent to another host: {sent} after {spoiler.last}")
    assert not wrong, "\n".join(wrong)
    assert clear > 20


def _is_clear(error: Error) -> bool:
    return bool(error.message.strip() and error.hint.strip()) and error.line.isprintable() and len(error.message) < 4000
