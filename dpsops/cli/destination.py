"""Which Azure a command talks to: the real one, or the embedded one, from which nothing leaves this machine."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dpsops.errors import InvalidInput

if TYPE_CHECKING:
    from dpsops.azure.waits import Waiting
    from dpsops.azure.wire import Wire
    from dpsops.settings import Environment, Waits

SETTINGS_DIRECTORY = Path("infra")


@dataclass(frozen=True, slots=True, repr=False)
class Destination:
    """Where an environment is. `variables`: those with which clients get there. `is_embedded`: it is in the embedded Azure.
    `is_only`: nothing else of this machine says how to get there: no proxy, no CA and no sign-in of its own."""

    environment: Environment
    variables: Mapping[str, str]
    is_embedded: bool
    is_only: bool

    def wire(self, waiting: Waiting) -> Wire:
        """How a device gets there: the same way. Microsoft's device SDK knows no variables."""
        return _wire(self.variables if self.is_embedded else {}, self.environment.waits, waiting)


def wire_of_this_machine(waiting: Waiting) -> Wire:
    """How a device gets to Azure from here, if nothing is known of its environment."""
    from dpsops.settings import Waits

    return _wire(os.environ if _leads_to_embedded(os.environ) else {}, Waits(), waiting)


def _wire(variables: Mapping[str, str], waits: Waits, waiting: Waiting) -> Wire:
    from dpsops.azure.wire import Wire

    proxy = variables.get("HTTPS_PROXY") or variables.get("https_proxy", "")
    return Wire(proxy, variables.get("REQUESTS_CA_BUNDLE", ""), waits, waiting)


@contextmanager
def destination(environment: Environment, *, rehearse: bool) -> Iterator[Destination]:
    """Where this environment is, until the block ends. `rehearse`: in the embedded Azure, whatever it is for.

    Raises `InvalidInput` for an environment that would be made in the real Azure under the names of the samples.
    """
    if not (rehearse or environment.is_local):
        embedded = _leads_to_embedded(os.environ)
        if not embedded:
            _require_own_names(environment)
        yield Destination(environment, os.environ, is_embedded=embedded, is_only=False)
        return
    from dpsops.cli.embedded import embedded_variables

    with embedded_variables(environment.embedded) as variables:
        if not environment.is_local:
            environment = _rehearsed(environment)
        yield Destination(environment, variables, is_embedded=True, is_only=True)


def _rehearsed(environment: Environment) -> Environment:
    from dpsops.emulator.identity.state import OPERATOR, SUBSCRIPTION
    from dpsops.model.rehearsal import rehearsed
    from dpsops.model.roles import Principal

    return rehearsed(environment, SUBSCRIPTION, Principal(OPERATOR.object_id, "ServicePrincipal"))


def _leads_to_embedded(variables: Mapping[str, str]) -> bool:
    """Whether these variables lead to the embedded Azure, as those of `local env` do: whoever trusts its CA and no other gets an
    answer of nobody else, whatever the proxy is."""
    from cryptography.x509 import load_pem_x509_certificate
    from cryptography.x509.oid import NameOID

    from dpsops.emulator.authority import NAME

    try:
        content = Path(variables["REQUESTS_CA_BUNDLE"]).read_bytes()
        if content.count(b"-----BEGIN ") != 1:
            return False
        trusted = load_pem_x509_certificate(content)
    except (KeyError, OSError, ValueError):
        return False
    return [each.value for each in trusted.subject.get_attributes_for_oid(NameOID.COMMON_NAME)] == [NAME]


def _require_own_names(environment: Environment) -> None:
    from dpsops.model.rehearsal import sample_names
    from dpsops.toml_lines import line_of

    found = sample_names(environment)
    if not found:
        return
    path = SETTINGS_DIRECTORY / f"{environment.name}.toml"
    text = path.read_text(encoding="utf-8-sig")
    lines = dict.fromkeys(f"line {line_of(text, keys)} ({'.'.join(map(str, keys))})" for keys, _ in found)
    raise InvalidInput(
        f"{path} still has names of the samples, which are unique in all of Azure: {', '.join(name for _, name in found)}",
        f"change {', '.join(lines)}; to try it without Azure: dpsops --env {environment.name} --rehearse up",
    )
