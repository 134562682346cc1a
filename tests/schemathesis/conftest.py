"""An embedded Azure in the middle of a rotation, served, and Schemathesis, which asks it what an OpenAPI file allows, or not."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import requests

from dpsops.emulator.http import Request, Response
from dpsops.emulator.identity.state import OPERATOR, SUBSCRIPTION
from dpsops.emulator.server import EmbeddedAzure
from dpsops.emulator.world import Timings
from dpsops.model.rotation import Phase
from dpsops.pki.bundles import DeviceCredential
from tests.conformance.exchanges import ValidatingObserver
from tests.conformance.openapi import Specification
from tests.fuzz.profile import SEED
from tests.workflows.commands import issue_to, rotate, up
from tests.workflows.doing import PRESS, fetched, over
from tests.workflows.saved import Saved
from tests.worlds import embedded_world, environment, start_embedded

PROGRAM = os.environ.get("DPSOPS_TEST_SCHEMATHESIS", "")
"""Where Schemathesis is. Without it these tests are skipped."""

_EXAMPLES = int(os.environ.get("DPSOPS_TEST_EXAMPLES", "10"))
"""For each operation, beside those that are made of each part of it."""

_CHANGES = 8
_UNREADABLE_CERTIFICATE = 500019
"""What a hub answers to a certificate that is none, as observed: the one 5xx that is Azure's own."""

_REACHED = 0.8  # how often a parameter has a value that leads somewhere


@dataclass(slots=True)
class Judge:
    """Sees every exchange, counts the statuses, and restores the state after a removal and after every eighth change.

    So the paths go on leading to what is there, and what one request has changed is still seen by some others.
    """

    saved: Saved
    shapes: ValidatingObserver
    statuses: dict[int, int] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    _changes: int = 0

    def __call__(self, request: Request, response: Response) -> None:
        """Judges one exchange."""
        self.shapes(request, response)
        self.statuses[response.status] = self.statuses.get(response.status, 0) + 1
        if response.status >= 500 and response.body.get("code") != _UNREADABLE_CERTIFICATE:
            self.failures.append(f"{request.method} {request.path}: {response.body}")
        if request.method in ("GET", "HEAD") or response.status >= 400 or request.host.startswith("login."):
            return
        self._changes += 1
        if request.method == "DELETE" or self._changes % _CHANGES == 0:
            self.saved.restore()


@dataclass(frozen=True, slots=True, repr=False)
class Served:
    """The embedded Azure, the state that it begins with, and a device that may register."""

    azure: EmbeddedAzure
    saved: Saved
    device: DeviceCredential
    known: Mapping[str, list[str]]

    def token(self, scope: str) -> str:
        """A token of the owner of the subscription."""
        answer = requests.post(
            f"https://login.microsoftonline.com/{OPERATOR.tenant_id}/oauth2/v2.0/token",
            data={
                "grant_type": "client_credentials",
                "client_id": OPERATOR.app_id,
                "client_secret": self.azure.client_secret,
                "scope": f"{scope}/.default",
            },
            proxies={"https": self.azure.proxy_url},
            verify=str(self.azure.authority_file),
            timeout=60,
        )
        return str(answer.json()["access_token"])

    def run(self, file: Path, host: str, scope: str, folder: Path) -> tuple[subprocess.CompletedProcess[str], Judge]:
        """Asks the host whatever the file describes."""
        judge = Judge(self.saved, ValidatingObserver(Specification.load(), foreign=True))
        settings = folder / "schemathesis.toml"
        settings.write_text(self._settings(file.parent.name, with_token=bool(scope)))
        own = {"PATH": os.environ["PATH"], "HOME": str(folder), "TOKEN": self.token(scope) if scope else ""}
        certificate = [] if scope else self._certificate(folder)
        self.saved.restore()
        self.azure.azure.observers.append(judge)
        try:
            done = subprocess.run(
                [
                    PROGRAM, f"--config-file={settings}", "run", str(file), f"--url=https://{host}",
                    f"--proxy={self.azure.proxy_url}", f"--tls-verify={self.azure.authority_file}", *certificate,
                    "--phases=examples,coverage,fuzzing", "--checks=not_a_server_error", "--continue-on-failure",
                    "--suppress-health-check=all", f"--max-examples={_EXAMPLES}", f"--seed={SEED}", "--warnings=off",
                    "--request-timeout=60", "--max-redirects=0",
                ],
                env=own, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
            )  # fmt: skip
        finally:
            self.azure.azure.observers.remove(judge)
            self.saved.restore()
        return done, judge

    def _settings(self, version: str, *, with_token: bool) -> str:
        """The file of Schemathesis: what leads somewhere is in dictionaries. The token stays in the environment."""
        known = {**self.known, "api-version": [version]}
        lines = ['[headers]\nAuthorization = "Bearer ${TOKEN}"'] if with_token else []
        lines += [f"[dictionaries.{_word(name)}]\nvalues = {json.dumps(list(values))}" for name, values in known.items()]
        lines.append('[checks.not_a_server_error]\nexpected-statuses = ["2xx", "3xx", "4xx", "500"]')
        lines.append("[parameters]")
        lines += [f'"{name}" = {{ dictionary = "{_word(name)}", probability = {_REACHED} }}' for name in known]
        return "\n".join([*lines, ""])

    def _certificate(self, folder: Path) -> list[str]:
        chain_file, key_file = folder / "device.chain.pem", folder / "device.key.pem"
        chain_file.write_text(self.device.chain)
        key_file.touch(mode=0o600)
        key_file.write_text(self.device.key)
        return [f"--request-cert={chain_file}", f"--request-cert-key={key_file}"]


def _word(name: str) -> str:
    return name.replace("-", "_")


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """An environment in the middle of a rotation, with a device that is registered."""
    directory = tmp_path_factory.mktemp("served")
    with start_embedded(directory, Timings()) as embedded:
        world = embedded_world(embedded, environment(root={"key": "EC-P256"}), direct=True)
        up(world.connect())
        issue_to(world.connect(), PRESS)
        device = fetched(world.connect(), PRESS)
        over("https", world.connect())
        rotate(world.connect(), Phase.DRAINING)
        saved = Saved.of(directory)
        yield Served(embedded, saved, device, _known(saved))


def _known(saved: Saved) -> dict[str, list[str]]:
    """Values that lead to something, by the parameter's name in the files."""
    found: dict[str, list[str]] = {}
    for kind, key, body in saved.documents:
        for name in _NAMED.get(kind, ()):
            found.setdefault(name, []).append(key.rpartition("/")[2])
        if kind == "provisioningService":
            found["idScope"] = [json.loads(body)["idScope"]]
    settings = environment()
    group = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{settings.resource_group}"
    return {name: list(dict.fromkeys(values)) for name, values in found.items()} | {
        "location": [settings.location],
        "keyName": ["iothubowner", "provisioningserviceowner"],
        "resourceProviderNamespace": ["Microsoft.Devices"],
        "resourceType": ["IotHubs", "provisioningServices"],
        "scope": [group[1:], f"{group[1:]}/providers/Microsoft.Devices/IotHubs/{settings.hub[0].name}"],
    }


_NAMED = {
    "subscription": ("subscriptionId",),
    "resourceGroup": ("resourceGroupName",),
    "provisioningService": ("provisioningServiceName", "resourceName"),
    "iotHub": ("iotHubName", "resourceName"),
    "keyvault.vault": ("vaultName",),
    "keyvault.certificate": ("certificate-name",),
    "keyvault.key": ("key-name",),
    "keyvault.secret": ("secret-name",),
    "certificate": ("certificateName",),
    "deployment": ("deploymentName",),
    "enrollmentGroup": ("id",),
    "registration": ("registrationId",),
    "roleAssignment": ("roleAssignmentName",),
    "keyvault.certificateVersion": ("certificate-version",),
    "keyvault.keyVersion": ("key-version",),
    "keyvault.secretVersion": ("secret-version",),
}
"""The names of the files' parameters, by the kind of document of the embedded Azure whose key ends with the value."""
