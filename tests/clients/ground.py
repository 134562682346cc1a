"""What the programs stand on: an embedded Azure with an environment and devices, and the variables that lead there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import chdir, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption
from cryptography.hazmat.primitives.serialization.pkcs12 import PKCS12Certificate, serialize_java_truststore

from dpsops.cli.embedded import STATE_DIRECTORY, variables
from dpsops.emulator import rbac
from dpsops.emulator.documents import JSON
from dpsops.emulator.door import Listen
from dpsops.emulator.dps.state import load_service
from dpsops.emulator.identity.state import OPERATOR
from dpsops.emulator.iothub.state import load_hub
from dpsops.emulator.server import EmbeddedAzure
from dpsops.emulator.services import CannotSend
from dpsops.emulator.world import World
from dpsops.settings import Environment, load
from tests.clients.catalogue import ROOT, Program, Way

GLOBAL = "global.azure-devices-provisioning.net"
_ADMINISTRATOR = "00482a5a-887f-4fb3-b363-3b7fe8e74483"
"""Key Vault Administrator: what dpsops gives its operator is not enough for clients that try everything."""
_TRUST, _PASSWORD = "trust.p12", "changeit"
"""Java reads its own kind of file, whose password protects nothing."""
_HOSTS = ("login.microsoftonline.com", "management.azure.com", GLOBAL)


@dataclass(frozen=True, slots=True)
class Ground:
    """An embedded Azure that is served here, in `directory`."""

    directory: Path
    azure: EmbeddedAzure
    settings: Environment
    scope: str
    connections: Mapping[str, str]

    def variables(self, program: Program) -> dict[str, str]:
        """All that a program finds in its environment: `dpsops local env`, the proxy only where it goes that way."""
        kept = {name: os.environ[name] for name in ("PATH", "JAVA_HOME") if name in os.environ}
        given = variables(self.azure)
        if program.way is Way.DOOR:
            del given["HTTPS_PROXY"]
        modules = {"PYTHONPATH": str(ROOT), "NODE_PATH": str(program.environment.place / "node_modules")}
        java = f"-Djavax.net.ssl.trustStore={self.directory / _TRUST} -Djavax.net.ssl.trustStorePassword={_PASSWORD}"
        return kept | given | modules | {"HOME": str(self.directory), "JAVA_TOOL_OPTIONS": java}

    def describe(self, program: Program) -> Path:
        """The file that tells a program of all this."""
        host, _, port = self.azure.proxy_url.removeprefix("http://").partition(":")
        hub, dps, vault = self.settings.hub[0].name, self.settings.dps.name, self.settings.vault.name
        devices = {name: {"bundle": str(self.directory / f"{name}.pem")} for name in devices_of(program)}
        told = {
            "proxy": {"host": host, "port": int(port)},
            "authority": str(self.azure.authority_file.absolute()),
            "group": self.settings.resource_group,
            "location": self.settings.location,
            "vault": {"name": vault, "url": f"https://{vault}.vault.azure.net"},
            "hub": {"name": hub, "host": f"{hub}.azure-devices.net", "connection": self.connections["hub"]},
            "dps": {
                "name": dps,
                "host": f"{dps}.azure-devices-provisioning.net",
                "global": GLOBAL,
                "scope": self.scope,
                "connection": self.connections["dps"],
            },
            "devices": devices,
        }
        file = self.directory / f"{program.name}.json"
        file.touch(mode=0o600)
        file.write_text(json.dumps(told))
        return file

    def send(self, device: str) -> None:
        """Sends a device the cloud-to-device message `hello`."""
        with suppress(CannotSend):  # it has failed to register, and has said so
            self.azure.send(f"{self.settings.hub[0].name}.azure-devices.net", device, b"hello")


def devices_of(program: Program) -> list[str]:
    """The IDs of a program's devices."""
    return [f"{program.name.lower()}-{number}" for number in range(1, program.devices + 1)]


def host_names(settings: Environment) -> list[str]:
    """The names that a client without a proxy asks for."""
    hubs = [f"{each.name}.azure-devices.net" for each in settings.hub]
    return [*_HOSTS, f"{settings.vault.name}.vault.azure.net", f"{settings.dps.name}.azure-devices-provisioning.net", *hubs]


@contextmanager
def stood(directory: Path, devices: Sequence[str]) -> Iterator[Ground]:
    """Runs `dpsops up`, issues to the devices and exports them, then serves at 443 and 8883 of 127.0.0.1."""
    (directory / "infra").mkdir()
    local = (ROOT / "infra" / "local.toml").read_text()
    (directory / "infra" / "local.toml").write_text(local.replace('key = "RSA-3072"', 'key = "EC-P256"'))
    _dpsops(directory, "up")
    if devices:
        _dpsops(directory, "device", "issue", *devices)
        _dpsops(directory, "device", "export", *devices, "--to", ".")
    scope: str = _dpsops(directory, "status")["dps"]["id_scope"]
    settings = load("local", directory / "infra")
    with chdir(directory), EmbeddedAzure(STATE_DIRECTORY, listen=Listen("127.0.0.1")) as azure:
        with azure.azure.database.transaction() as state:
            world = World(state, azure.azure.clock.now())
            hub, dps = load_hub(world, settings.hub[0].name), load_service(world, settings.dps.name)
            assert hub is not None
            assert dps is not None
            connections = {
                "hub": _connection(f"{settings.hub[0].name}.azure-devices.net", hub),
                "dps": _connection(f"{settings.dps.name}.azure-devices-provisioning.net", dps),
            }
            mine = {"principal": OPERATOR.object_id, "role": _ADMINISTRATOR, "scope": "/", "created": 0.0}
            world.state.put(rbac.ASSIGNMENT, "clients/administrator", mine)
        trust = x509.load_pem_x509_certificate(azure.authority_file.read_bytes())
        store = serialize_java_truststore([PKCS12Certificate(trust, b"embedded")], BestAvailableEncryption(_PASSWORD.encode()))
        (directory / _TRUST).write_bytes(store)
        yield Ground(directory, azure, settings, scope, connections)


def _connection(host: str, document: JSON) -> str:
    """The connection string of the owner's policy."""
    policy = document["policies"][0]
    return f"HostName={host};SharedAccessKeyName={policy['keyName']};SharedAccessKey={policy['primaryKey']}"


def _dpsops(directory: Path, *arguments: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "dpsops", "--env", "local", "--output", "json", *arguments]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    printed: dict[str, Any] = json.loads(done.stdout)
    return printed
