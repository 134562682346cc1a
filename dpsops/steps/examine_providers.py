"""Looking at the resource providers before anything is touched."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from dpsops.azure.api_versions import api_versions
from dpsops.azure.examination import Examination
from dpsops.errors import Denied, Error
from dpsops.model import providers
from dpsops.model.checkup import Finding, Unseen
from dpsops.model.condition import Seen
from dpsops.model.needs import Place
from dpsops.model.providers import Provider
from dpsops.model.resources import region
from dpsops.model.roles import HUB, SERVICE, VAULT
from dpsops.model.run import Run
from dpsops.settings import Environment

_TYPES = {Place.VAULT: VAULT, Place.LEAF_VAULTS: VAULT, Place.DPS: SERVICE, Place.HUBS: HUB}
_READ = "Microsoft.Resources/subscriptions/providers/read"


@dataclass(frozen=True, slots=True)
class Providers:
    """The resource providers that some commands use, by namespace, or why they cannot be read. `before`: those that must be
    registered, and whether it must be before the commands run; `used`: the commands by the type of what they ask for; `versions`:
    the API versions by type."""

    found: Mapping[str, Provider]
    unseen: Mapping[str, Unseen]
    before: Mapping[str, bool]
    used: Mapping[str, tuple[str, ...]]
    versions: Mapping[str, frozenset[str]]

    @property
    def unregistered(self) -> frozenset[str]:
        """Those that are known not to be registered."""
        return frozenset(name for name in self.before if name in self.found and not self.found[name].is_registered)

    def findings(self, environment: Environment, seen: Mapping[str, Seen]) -> Iterator[Finding]:
        """Whether they are registered, list what the commands use, and offer what is missing where the settings want it."""
        wanted = dict.fromkeys(_missing(environment, seen))
        for namespace, provider in self.found.items():
            if namespace in self.before:
                regions = [each for each in wanted if _of(namespace, each[0]) and self.before[namespace]]
                yield from providers.findings(provider, regions, before=self.before[namespace])
            used = {type_: commands for type_, commands in self.used.items() if _of(namespace, type_)}
            yield from providers.offers(provider, used, self.versions)
        for unseen in dict.fromkeys(self.unseen.values()):
            names = [namespace for namespace, each in self.unseen.items() if each == unseen]
            yield unseen.finding("provider", names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more")


def _of(namespace: str, type_: str) -> bool:
    return type_.startswith(f"{namespace}/")


def _missing(environment: Environment, seen: Mapping[str, Seen]) -> Iterator[tuple[str, str]]:
    """The type of each resource that is missing, and the region where the settings want it."""
    for each in seen.values():
        if each.subject.exists or each.subject.place not in _TYPES:
            continue
        where = environment.location
        if each.subject.place is Place.HUBS:
            where = next(hub.location for hub in environment.hub if each.subject.id.endswith(f"/{hub.name}")) or where
        yield _TYPES[each.subject.place], region(where)


def read_providers(run: Run, examination: Examination, commands: tuple[str, ...]) -> Providers:
    """Reads those that these commands use. One request for each, and no more if they are denied: the right is one on the
    subscription."""
    versions = api_versions(examination.clients)
    before = providers.registered(commands, run.environment)
    used = providers.used(commands, run.environment, versions)
    found, unseen = dict[str, Provider](), dict[str, Unseen]()
    denied: Unseen | None = None
    for namespace in dict.fromkeys([*before, *(each.partition("/")[0] for each in used)]):
        if denied is not None:
            unseen[namespace] = denied
            continue
        run.progress(f"asking for {namespace}")
        try:
            found[namespace] = examination.provider(namespace)
        except Error as error:
            unseen[namespace] = Unseen.because(error, _READ, f"/subscriptions/{examination.clients.subscription}")
            denied = unseen[namespace] if isinstance(error, Denied) else None
    return Providers(found, unseen, before, used, versions)
