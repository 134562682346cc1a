"""The resource providers: whether they are registered, where they offer what is wanted, and in which API versions."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from dpsops.model.checkup import Finding, Outcome
from dpsops.model.pipeline import PROVIDERS
from dpsops.settings import Environment

_MADE_OF = ("Microsoft.Devices", "Microsoft.KeyVault")
_FOR_LOGS = "Microsoft.Insights"


def registered(commands: Collection[str], environment: Environment) -> dict[str, bool]:
    """The resource providers that must be registered for these commands; of each, whether it must be before they run, because
    none of them registers it."""
    found = dict[str, bool]()
    if any(each in commands for each in ("plan", "up")):
        found |= dict.fromkeys((*_MADE_OF, *((_FOR_LOGS,) if environment.vault.logs else ())), True)
    if "pipeline setup" in commands:
        found = dict.fromkeys(PROVIDERS, False) | found
    return found


@dataclass(frozen=True, slots=True)
class Provider:
    """A resource provider. `regions` (short names) and `versions` by the type, in lower case and without the namespace."""

    namespace: str
    state: str
    regions: Mapping[str, frozenset[str]]
    versions: Mapping[str, frozenset[str]]

    @property
    def is_registered(self) -> bool:
        """Whether the subscription may use it."""
        return self.state == "Registered"


def findings(provider: Provider, wanted: Iterable[tuple[str, str, str]], *, before: bool) -> Iterator[Finding]:
    """Whether a provider is registered and offers what is wanted: type, region (short name), API version. before: whether it must
    be registered before the commands run."""
    if provider.is_registered:
        yield Finding("provider", provider.namespace, Outcome.OK, "registered")
    elif not before:
        detail = f"not registered in the subscription ({provider.state}): 'dpsops pipeline setup' registers it"
        yield Finding("provider", provider.namespace, Outcome.OK, detail)
    else:
        hint = f"az provider register --namespace {provider.namespace} --wait"
        detail = f"not registered in the subscription ({provider.state}): nothing of it can be made"
        yield Finding("provider", provider.namespace, Outcome.FAILED, detail, hint)
    for name, region, version in wanted:
        kind = name.partition("/")[2].lower()
        regions, versions = provider.regions.get(kind, frozenset()), provider.versions.get(kind, frozenset())
        if regions and region not in regions:
            hint = f"set another location in the settings: {', '.join(sorted(regions))}"
            yield Finding("region", name, Outcome.FAILED, f"Azure does not offer it in {region}", hint)
        elif regions:
            yield Finding("region", name, Outcome.OK, f"offered in {region}")
        if versions and version not in versions:
            detail = f"Azure does not offer the API version {version} that dpsops uses; the newest is {max(versions)}"
            yield Finding("api-version", name, Outcome.FAILED, detail, "install another release of dpsops")
        elif versions:
            yield Finding("api-version", name, Outcome.OK, f"{version} is offered")
