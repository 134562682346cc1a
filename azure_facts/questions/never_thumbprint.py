"""Does a device with a new certificate get its thumbprint into the hub under the reprovisioning policy `never`?"""

from __future__ import annotations

from dataclasses import dataclass

from azure_facts.answers import NotClear, Question
from azure_facts.devices import fleet
from dpsops.cli.connection import Connection
from dpsops.fleet import engine

_NAME = "never-thumbprint"
_DEVICE = "never-thumbprint"
_LOOKS, _PAUSE_SECONDS = 6, 10.0


@dataclass(frozen=True, slots=True)
class NeverThumbprint:
    """`renewed`: the hub has other thumbprints after the second registration. `substatus`: what DPS calls that registration."""

    renewed: bool
    substatus: str

    @property
    def line(self) -> str:
        """In one line."""
        found = "gets its new thumbprint in the hub" if self.renewed else "keeps the thumbprint of its former certificate"
        return f"under the policy never, a device that registers with a new certificate {found} ({self.substatus})"


def _ask(azure: Connection) -> NeverThumbprint:
    devices = fleet(azure, _NAME, "never")
    hub = devices.register_first(_DEVICE).hub
    before = _thumbprints(azure, hub, None)
    again = devices.register(_DEVICE)
    return NeverThumbprint(_thumbprints(azure, hub, before) != before, again.substatus)


def _thumbprints(azure: Connection, hub: str, but: tuple[str, str] | None) -> tuple[str, str]:
    """The thumbprints of the device in the hub, as soon as there are any `but` these; else these. A hub may need a moment."""
    for look in range(_LOOKS):
        if look:
            azure.run.sleep(_PAUSE_SECONDS)
        found = engine.wait(azure.run, azure.hubs.identity(hub, _DEVICE))
        if found is not None and found.thumbprints != but:
            return found.thumbprints
    if but is None:
        raise NotClear("the hub does not show the device that was assigned to it")
    return but


QUESTION = Question(_NAME, "Does a device get the thumbprint of its new certificate under the policy never?", _ask)
