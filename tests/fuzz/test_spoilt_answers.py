"""For any answer on the wire a command succeeds or ends with one clear error: no traceback, no endless wait, and nothing is sent
to another host.

By default each kind of spoilt answer is tried on one answer of one command; `make fuzz` tries each on many (`profile.py`).
"""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from random import Random

import pytest

from dpsops.emulator.azure import Azure
from dpsops.emulator.world import Timings
from dpsops.errors import Error
from tests import github
from tests.fuzz.profile import SEED, TIMES
from tests.fuzz.spoiling import OPERATION, PAGE, SIGN_IN, SPOILS, Spoiler
from tests.fuzz.spoilt_commands import Prepared, prepare
from tests.workflows.saved import Saved
from tests.worlds import embedded_world, environment, start_embedded

pytestmark = pytest.mark.usefixtures("unmeasured")

PATIENCE_SECONDS = 60
"""Real seconds after which a command hangs: one that is left alone takes two at most, and it waits on the world's clock."""


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prepared]:
    directory = tmp_path_factory.mktemp("spoilt")
    with start_embedded(directory, Timings(operation=20, certificate=5)) as azure, github.served("test") as stub:
        world = embedded_world(azure, environment(root={"key": "EC-P256"}), direct=True)
        yield prepare(world, partial(Saved.of, directory), stub.address)


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
    """Runs a command. Returns the `Error` that it raised, if any."""
    spoiler.begin()
    try:
        with patience():
            prepared.run(name)
    except Error as error:
        return error
    return None


def chosen(answers: Mapping[str, list[frozenset[str]]], prepared: Prepared) -> Iterator[tuple[str, int, str, bool]]:
    """Each time: a command, the number of an answer, how it is spoilt, and whether those after it are too."""
    chance = Random(SEED)  # noqa: S311
    for _ in range(TIMES):
        for spoil in SPOILS:
            kind = next((kind for kind in (PAGE, OPERATION, SIGN_IN) if spoil.startswith(kind)), "")
            places = [
                (name, number)
                for name, kinds in answers.items()
                for number, found in enumerate(kinds)
                if (kind in found if kind else TIMES > 1 or not prepared.commands[name].long)
            ]
            name, number = chance.choice(places)
            yield name, number, spoil, chance.random() < 0.2


def test_spoilt_answers(prepared: Prepared, monkeypatch: pytest.MonkeyPatch) -> None:
    spoiler = Spoiler()
    monkeypatch.setattr(Azure, "handle", spoiler.handler)
    monkeypatch.setattr(Azure, "resolves", spoiler.resolver)
    answers: dict[str, list[frozenset[str]]] = {}
    for name in prepared.commands:
        assert attempt(prepared, name, spoiler) is None
        answers[name] = list(spoiler.kinds)
    wrong: list[str] = []
    clear = 0
    for case in chosen(answers, prepared):
        name, spoiler.number, spoil, spoiler.lasting = case
        spoiler.spoil, spoiler.chance = SPOILS[spoil], Random(f"{SEED} {case}")  # noqa: S311
        try:
            error = attempt(prepared, name, spoiler)
        except Exception as defect:
            wrong.append(f"{case}: {defect!r} after {spoiler.last}")
        else:
            clear += error is not None
            if error is not None and not is_clear(error):
                wrong.append(f"{case}: {error.message!r}, {error.hint!r} after {spoiler.last}")
        if spoiler.stolen:
            sent = [f"{each.method} with {sorted(set(each.headers) & {'authorization'})}" for each in spoiler.stolen]
            wrong.append(f"{case}: sent to another host: {sent} after {spoiler.last}")
    assert not wrong, "\n".join(wrong)
    assert clear > 20


def is_clear(error: Error) -> bool:
    """Whether an error has a message that somebody reads, and a hint."""
    return bool(error.message.strip() and error.hint.strip()) and error.line.isprintable() and len(error.message) < 4000
