"""Looking at the resource providers before anything is touched."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from dpsops.azure.examination import Examination
from dpsops.errors import Error
from dpsops.model import providers
from dpsops.model.checkup import Finding, Unseen
from dpsops.model.condition import Seen
from dpsops.model.needs import Place
from dpsops.model.providers import Provider
from dpsops.model.resources import region
from dpsops.model.roles import HUB, SERVICE, VAULT
from dpsops.model.run import Run

_TYPES = {Place.VAULT: VAULT, Place.LEAF_VAULTS: VAULT, Place.DPS: SERVICE, Place.HUBS: HUB}
_READ = "Microsoft.Resources/subscriptions/providers/read"


@dataclass(frozen=True, slots=True)
class Providers:
    """The resource providers that some commands use, by namespace; of those that cannot be read, why."""

    before: Mapping[str, bool]
    found: Mapping[str, Provider | Unseen]

    @property
    def unregistered(self) -> frozenset[str]:
        """Those that are known not to be registered."""
        return frozenset(name for name, each in self.found.items() if isinstance(each, Provider) and not each.is_registered)

    def findings(self, run: Run, examination: Examination, seen: Mapping[str, Seen]) -> Iterator[Finding]:
        """Whether they are registered, and offer what is missing where the settings want it."""
        environment = run.environment
        wanted = dict[str, list[tuple[str, str, str]]]()
        for each in seen.values():
            if each.subject.exists:
                continue
            type_, where = _TYPES[each.subject.place], environment.location
            if each.subject.place is Place.HUBS:
                where = next(hub.location for hub in environment.hub if each.subject.id.endswith(f"/{hub.name}")) or where
            wanted.setdefault(type_.partition("/")[0], []).append((type_, region(where), examination.version(type_)))
        for namespace, provider in self.found.items():
            if isinstance(provider, Unseen):
                yield provider.finding("provider", namespace)
                continue
            offers = dict.fromkeys(wanted.get(namespace, ())) if self.before[namespace] else ()
            yield from providers.findings(provider, offers, before=self.before[namespace])


def read_providers(run: Run, examination: Examination, commands: tuple[str, ...]) -> Providers:
    """Reads those that must be registered for these commands."""
    before = providers.registered(commands, run.environment)
    found = dict[str, Provider | Unseen]()
    for namespace in before:
        run.progress(f"asking for {namespace}")
        try:
            found[namespace] = examination.provider(namespace)
        except Error as error:
            found[namespace] = Unseen.because(error, _READ, f"/subscriptions/{examination.clients.subscription}")
    return Providers(before, found)
