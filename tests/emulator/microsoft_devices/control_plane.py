"""A Resource Manager that has Microsoft.Devices and nothing else: no tokens, no roles, every group exists."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from dpsops.emulator.arm.providers import Providers
from dpsops.emulator.documents import JSON
from dpsops.emulator.dps.routes import ARM_ROUTES as DPS_ROUTES
from dpsops.emulator.dps.routes import RESOURCE_TYPES as DPS_TYPES
from dpsops.emulator.habits import Habits
from dpsops.emulator.http import Refusal, Request, Response
from dpsops.emulator.iothub.routes import ARM_ROUTES as HUB_ROUTES
from dpsops.emulator.iothub.routes import RESOURCE_TYPES as HUB_TYPES
from dpsops.emulator.principal import Principal
from dpsops.emulator.state import Database
from dpsops.emulator.world import Clock, Timings, World

NOW = 1_715_108_860.0
"""Tue, 07 May 2024 19:07:40 GMT."""
CALLER = Principal("object", "application", "tenant")
GROUP = "/subscriptions/sub/resourceGroups/rg/providers/Microsoft.Devices"
S1 = {"name": "S1", "capacity": 1}
_PROVIDERS = Providers.of([*DPS_TYPES, *HUB_TYPES], [*DPS_ROUTES, *HUB_ROUTES])


@dataclass(slots=True)
class ControlPlane:
    """Routes requests as the embedded Azure does, at a frozen time."""

    timings: Timings = field(default_factory=Timings)
    clock: Clock = field(default_factory=lambda: Clock(NOW))
    database: Database = field(default_factory=lambda: Database(None))
    habits: Habits = field(default_factory=Habits)

    @contextmanager
    def world(self) -> Iterator[World]:
        """The world inside one transaction."""
        with self.database.transaction() as state:
            yield World(state, self.clock.now(), self.timings, habits=self.habits)

    def call(
        self, method: str, path: str, body: Any = None, *, version: str = "2023-06-30", headers: Mapping[str, str] | None = None
    ) -> Response:
        """The answer to a request; `path` may begin with a `/` for below the group's provider, or with `https:`."""
        url = urlsplit(path if path.startswith(("https:", "/subscriptions")) else GROUP + path)
        query = dict(parse_qsl(url.query, keep_blank_values=True)) or {"api-version": version}
        content = b"" if body is None else json.dumps(body).encode()
        request = Request(method, "management.azure.com", url.path, query, headers or {}, content, CALLER)
        found = _PROVIDERS.router.find(method, url.path)
        assert found is not None, f"no route for {method} {url.path}"
        try:
            with self.world() as world:
                return found[0].handler(world, request, **found[1])
        except Refusal as refusal:
            return refusal.response

    def service(self, name: str = "dps1", *, version: str = "2022-12-12", **properties: Any) -> JSON:
        """A provisioning service, created or changed, as a GET shows it."""
        body = {"location": "westeurope", "sku": S1, "properties": properties}
        return self._put(f"/provisioningServices/{name}", body, version)

    def hub(self, name: str = "hub1", **properties: Any) -> JSON:
        """A hub, created or changed, as a GET shows it."""
        return self._put(f"/IotHubs/{name}", {"location": "westeurope", "sku": S1, "properties": properties}, "2023-06-30")

    def delete_group(self, subscription: str = "sub", group: str = "rg") -> None:
        """Deletes what is in a group, as the deletion of the group does."""
        with self.world() as world:
            _PROVIDERS.empty(world, subscription, group, CALLER)
        self.clock.advance(self.timings.operation)

    def connection_string(self, hub: str = "hub1") -> str:
        """The owner's connection string of a hub."""
        key = self.call("POST", f"/IotHubs/{hub}/listkeys").body["value"][0]
        return f"HostName={hub}.azure-devices.net;SharedAccessKeyName={key['keyName']};SharedAccessKey={key['primaryKey']}"

    def _put(self, path: str, body: JSON, version: str) -> JSON:
        answer = self.call("PUT", path, body, version=version)
        assert answer.status == 201, answer.body
        self.clock.advance(self.timings.operation)
        shown = self.call("GET", path, version=version).body
        assert isinstance(shown, dict)
        return shown


@dataclass(frozen=True, slots=True)
class Authority:
    """A CA and its key; what it issues is valid for `days` from an hour before `NOW`."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @classmethod
    def make(cls, name: str = "Test Root", *, days: int = 3) -> Authority:
        """A self-signed one."""
        key = ec.generate_private_key(ec.SECP256R1())
        return cls(key, _issue(name, name, key, key, days))

    def issue(self, name: str, *, days: int = 3) -> x509.Certificate:
        """A certificate with this CN, for a key that is thrown away."""
        issuer = self.certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value
        return _issue(name, str(issuer), ec.generate_private_key(ec.SECP256R1()), self.key, days)


def _issue(
    name: str, issuer: str, key: ec.EllipticCurvePrivateKey, signer: ec.EllipticCurvePrivateKey, days: int
) -> x509.Certificate:
    begin = datetime.fromtimestamp(NOW, UTC) - timedelta(hours=1)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin - timedelta(days=5))
        .not_valid_after(begin + timedelta(days=days))
        .sign(signer, hashes.SHA256())
    )


def encoded(*certificates: x509.Certificate) -> str:
    """Base64 of the PEM, as clients send certificates."""
    return base64.b64encode(b"".join(each.public_bytes(Encoding.PEM) for each in certificates)).decode()


def code_of(response: Response) -> int | str:
    """The code of an error: an integer in Microsoft.Devices' shape, a word in the gateway's."""
    code = response.body["error"]["code"] if "error" in response.body else response.body["code"]
    assert isinstance(code, int | str)
    return code
