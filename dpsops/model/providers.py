"""The resource providers: whether they are registered, where they offer what is wanted, and in which API versions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from dpsops.model.checkup import Finding, Outcome

REGISTERED = ("Microsoft.Devices", "Microsoft.KeyVault")
"""Those without which nothing can be made."""

FOR_LOGS = "Microsoft.Insights"


@dataclass(frozen=True, slots=True)
class Provider:
    """A resource provider. `regions` (short names) and `versions` by the type, in lower case and without the namespace."""

    namespace: str
    state: str
    regions: Mapping[str, frozenset[str]]
    versions: Mapping[str, frozenset[str]]


def findings(provider: Provider, wanted: Iterable[tuple[str, str, str]]) -> Iterator[Finding]:
    """Whether a provider is registered and offers what is wanted: type, region (short name), API version."""
    if provider.state == "Registered":
        yield Finding("provider", provider.namespace, Outcome.OK, "registered")
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
