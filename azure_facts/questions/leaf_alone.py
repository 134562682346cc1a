"""Does a device register whose certificate arrives at DPS alone, and is signed by a verified root?"""

from __future__ import annotations

from dataclasses import dataclass

from azure_facts.answers import Question
from azure_facts.devices import fleet
from dpsops.cli.connection import Connection
from dpsops.errors import RegistrationRefused

_NAME = "leaf-alone"


@dataclass(frozen=True, slots=True)
class LeafAlone:
    """`code`: with which DPS refuses it, or None. One that sent its root, under the same group, was taken just before."""

    registers: bool
    code: int | None = None

    @property
    def line(self) -> str:
        """In one line."""
        found = "registers" if self.registers else f"is refused ({self.code})"
        return f"a device certificate that arrives alone, below a verified root, {found}; with its root it registers"


def _ask(azure: Connection) -> LeafAlone:
    devices = fleet(azure, _NAME)
    devices.register_first("leaf-with-root")
    try:
        devices.register("leaf-alone", alone=True)
    except RegistrationRefused as refused:
        if int(str(refused.code)[:3]) != 401:
            raise
        return LeafAlone(registers=False, code=refused.code)
    return LeafAlone(registers=True)


QUESTION = Question(_NAME, "Does a device register whose certificate arrives alone, below a verified root?", _ask)
