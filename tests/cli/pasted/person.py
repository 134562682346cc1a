"""Somebody who reads what a command has said, and types the commands that it names."""

from __future__ import annotations

import html
import io
import re
import shlex
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dpsops.cli.connection import Connection
from dpsops.emulator.azure import Azure
from dpsops.emulator.faults import Drop, Effect, Fault, Refuse
from dpsops.emulator.http import Request, Response
from dpsops.emulator.server import EmbeddedAzure
from dpsops.settings import load
from tests.cli.hints import Named, commands, named
from tests.cli.runner import Job
from tests.cli.terminal import Terminal
from tests.cli.test_hints import ADDRESSED, FIRST
from tests.workflows.saved import Saved
from tests.worlds import World, embedded_world

WORDS = FIRST | {"--help"}
"""What may stand right behind `dpsops`, or behind its global options."""

PROD = "--env prod "
"""What leads a command to the environment on which the person works."""

HINTS = tuple(named(WORDS))
"""Every text of the source that names a command."""


def hint(module: str, fragment: str) -> Named:
    """The one text that is this fragment, or contains it: in this module, or wherever it has moved since."""
    for there in [each for each in HINTS if each.module == module], HINTS:
        if found := [each for each in there if each.text == fragment] or [each for each in there if fragment in each.text]:
            assert len({(each.module, each.text) for each in found}) == 1, f"{fragment!r} is in several: {found}"
            return found[0]
    raise AssertionError(f"no text is or contains {fragment!r}")


_STANDING: list[Saved] = []
"""What `up` left."""


class Clock:
    """What a command takes for the time: the real one, and the days that pass in a test."""

    def __init__(self) -> None:
        self.days = 0.0

    def now(self, _zone: object = None) -> datetime:
        """As `datetime.now`."""
        return datetime.fromtimestamp(datetime.now(UTC).timestamp() + 86_400 * self.days, UTC)


class Keyboard(io.StringIO):
    """A terminal at which somebody agrees to whatever is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.is_terminal = True
        self.answer = ""

    def isatty(self) -> bool:
        """Whether anybody is there."""
        return self.is_terminal

    def readline(self, _size: int | None = -1) -> str:  # type: ignore[override]
        """The answer."""
        return self.answer


class Person:
    """Somebody who works on `prod`, which is in an embedded Azure that is served elsewhere."""

    def __init__(
        self, terminal: Terminal, keyboard: Keyboard, job: Job, served: EmbeddedAzure, directory: Path, clock: Clock
    ) -> None:
        self.terminal = terminal
        self.keyboard = keyboard
        self.job = job
        self.served = served
        self.said = ""
        self._directory = directory
        self._clock = clock

    @property
    def azure(self) -> Azure:
        """The embedded Azure in which `prod` is."""
        return self.served.azure

    def stands(self) -> None:
        """What `up` makes of nothing: it runs once in a process."""
        if not _STANDING:
            self("up --yes")
            _STANDING.append(Saved.of(self._directory))
        _STANDING[0].restore(self._directory)

    def world(self) -> World:
        """The same Azure, for those who do something there without the command line."""
        return embedded_world(self.served, load("prod", Path("infra")), direct=True)

    def connect(self) -> Connection:
        """The clients of somebody who does something there without the command line."""
        return self.world().connect()

    def __call__(self, line: str, code: int = 0) -> str:
        """Runs a command on `prod`, which must end with this code, and returns what it says."""
        return self.types(f"dpsops --env prod {line}", code)

    def types(self, line: str, code: int = 0) -> str:
        """Runs a command, which must end with this code, and returns what it says. Each command that it names must be about the
        same environment."""
        program, *words = shlex.split(line)
        assert program == "dpsops"
        self.keyboard.answer = "prod\n" if {"down", "rotate"} & {*words} else "y\n"
        ended, out, err = self.terminal(*words)
        self.said = out + err
        assert ended == code, f"{line}\n{self.said}"
        if "prod" in words:
            for each in commands(re.sub(r"^::\w+ title=[^:]*::", "", self.said, flags=re.MULTILINE), ADDRESSED):
                assert each.startswith("dpsops --env prod ") or "--help" in each, self.said
        return self.said

    def as_step(self, line: str, code: int = 0) -> str:
        """Runs a command on `prod` as a step on GitHub Actions, and returns what is on its page."""
        self.job.begin()
        try:
            self(line, code)
        finally:
            self.job.end()
        self.said = html.unescape(re.sub(r"</?code>", "", self.job.page)).replace("\\", "")
        return self.said

    def spoils(self, device: str, value: str) -> None:
        """Somebody writes something else into the secret of a device, with the tags that it has."""
        secrets, name = self.connect().clients.secrets, f"device-{device}"
        found = secrets.get_secret(name).properties
        secrets.set_secret(name, value, tags=found.tags, content_type=found.content_type)

    def reads(self, module: str, fragment: str) -> list[str]:
        """The commands that a text of the source has named in what was said last, as they stand there."""
        source = hint(module, fragment)
        number = len(commands(source.text, WORDS))
        for said, prefix in (self.said, ""), (self.said.replace(PROD, ""), PROD):
            for found in re.finditer(source.pattern, said):
                end = said.find("\n", found.end())
                there = commands(said[found.start() : end if end >= 0 else None], WORDS)[:number]
                if len(there) == number:
                    return [re.sub(f"^dpsops (?=({'|'.join(ADDRESSED)})\\b)", f"dpsops {prefix}", each) for each in there]
        raise AssertionError(f"{source.place} has not said {source.text!r}:\n{self.said}")

    def pastes(
        self,
        module: str,
        fragment: str,
        given: Mapping[str, str] | None = None,
        *,
        codes: Sequence[int] = (),
        either: bool = False,
    ) -> str:
        """Types each command that a text of the source has named, and returns what they say.

        given: what a person types for its placeholders. codes: the code with which each ends, 0 if not told. either: the commands
        are alternatives, so each begins where the hint was said.
        """
        read = self.reads(module, fragment)
        state, told = Saved.of(self._directory), ""
        for number, each in enumerate(read):
            if either and number:
                state.restore()
            words = [(given or {}).get(word, word) for word in shlex.split(each)]
            told += self.types(shlex.join(words), codes[number] if codes else 0)
        return told

    def passes(self, days: float) -> None:
        """Lets days pass, here and in Azure."""
        self._clock.days += days
        self.azure.clock.advance(days * 86_400)

    def beside(self, method: str, path: str, act: Callable[[], object]) -> None:
        """As soon as Azure has answered the next such request, somebody else does something. path: what is in it, in lower
        case."""
        done: list[bool] = []

        def see(request: Request, _: Response) -> None:
            if not done and request.method == method and path in f"{request.host}{request.path}".lower():
                done.append(True)
                somebody = threading.Thread(target=act)  # whose loop is none of Azure's
                somebody.start()
                somebody.join()

        self.azure.observers.append(see)

    def edits(self, before: str, after: str) -> None:
        """Changes the settings of `prod`."""
        path = Path("infra", "prod.toml")
        text = path.read_text(encoding="utf-8")
        assert before in text
        path.write_text(text.replace(before, after), encoding="utf-8")

    def refusing(self, method: str, path: str, status: int, code: str, message: str = "Refused.") -> AbstractContextManager[None]:
        """Azure refuses every such request until the block ends. path: what is in it, in lower case."""
        return self.answering(method, path, status, {"error": {"code": code, "message": message}})

    def answering(self, method: str, path: str, status: int, body: dict[str, Any]) -> AbstractContextManager[None]:
        """Azure answers this to every such request until the block ends. path: what is in it, in lower case."""
        return self._suffering(method, path, Refuse(Response(status, body)))

    def silent(self, host: str) -> AbstractContextManager[None]:
        """Every connection to a host breaks until the block ends."""
        return self._suffering("GET", host, Drop(work_done=False))

    @contextmanager
    def _suffering(self, method: str, path: str, effect: Effect) -> Iterator[None]:
        def fits(request: Request) -> bool:
            return request.method == method and path in f"{request.host}{request.path}".lower()

        self.azure.faults.add(Fault(effect, fits, times=None))
        try:
            yield
        finally:
            self.azure.faults.clear()
