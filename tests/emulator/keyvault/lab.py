"""A Resource Manager and a Key Vault, with one vault in which one principal holds every role there is."""

from __future__ import annotations

import base64
import itertools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from dpsops.emulator import rbac
from dpsops.emulator.arm.gateway import resource_manager
from dpsops.emulator.azure import Azure
from dpsops.emulator.documents import JSON
from dpsops.emulator.http import Request, Response
from dpsops.emulator.identity.state import OPERATOR, SUBSCRIPTION, TENANT, bootstrap
from dpsops.emulator.identity.tokens import issue_token
from dpsops.emulator.keyvault.routes import ARM_ROUTES, RESOURCE_TYPES
from dpsops.emulator.keyvault.service import SERVICE
from dpsops.emulator.principal import Principal
from dpsops.emulator.state import Database
from dpsops.emulator.world import Clock, Timings, World
from tests.emulator.tokens import token_key

NOW = 1_771_588_800.0
"""Fri, 20 Feb 2026 12:00:00 GMT."""

GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg"
VAULT = "kv-test"
VAULT_ID = f"{GROUP}/providers/Microsoft.KeyVault/vaults/{VAULT}"
URL = f"https://{VAULT}.vault.azure.net"
KEEPER = Principal("aaaaaaaa-0000-4000-8000-000000000001", "aaaaaaaa-0000-4000-8000-000000000002", TENANT)
"""Administers the vault's contents."""
STRANGER = Principal("bbbbbbbb-0000-4000-8000-000000000001", "bbbbbbbb-0000-4000-8000-000000000002", TENANT)

SELF_DETAILS = (
    "Pending certificate created. Certificate request is in progress. This may take some time based on the issuer provider. "
    "Please check again later."
)
"""What a pending certificate says while the vault makes it."""

ADMINISTRATOR = "00482a5a-887f-4fb3-b363-3b7fe8e74483"
CONTRIBUTOR = "b24988ac-6180-42a0-ab88-20f7382dd24c"
CERTIFICATES_OFFICER = "a4417e6f-fecd-4de8-b567-7b0420556985"
CRYPTO_USER = "12338af0-0e69-4776-bea7-57ae8d297424"
SECRETS_OFFICER = "b86a8fe4-44ce-4948-aee5-eccb2c155cd7"
SECRETS_USER = "4633458b-17de-408a-b874-0445c86b69e6"

_MANAGER = resource_manager(RESOURCE_TYPES, ARM_ROUTES)


def properties(**changes: Any) -> JSON:
    """A vault's properties, as a template gives them."""
    plain = {
        "tenantId": TENANT,
        "sku": {"family": "A", "name": "standard"},
        "accessPolicies": [],
        "enableRbacAuthorization": True,
    }
    return {name: value for name, value in (plain | changes).items() if value is not None}


@dataclass(slots=True)
class Lab:
    """Asks the two services, without a network, at a time that only a test moves."""

    timings: Timings = field(default_factory=Timings)
    clock: Clock = field(default_factory=lambda: Clock(NOW))
    azure: Azure = field(init=False)
    _serial: Iterator[int] = field(default_factory=itertools.count)
    _tokens: dict[tuple[Principal, str], tuple[float, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.azure = Azure(Database(None), self.clock, self.timings, services=[SERVICE, _MANAGER])
        with self.world() as world:
            world.state.put("identityKey", "key", token_key())
            bootstrap(world)
        assert self.arm("PUT", GROUP, {"location": "westeurope"}, version="2025-04-01").status == 201
        self.create_vault()
        self.assign(KEEPER, ADMINISTRATOR)

    @contextmanager
    def world(self) -> Iterator[World]:
        """The world inside one transaction."""
        with self.azure.database.transaction() as state:
            yield World(state, self.clock.now(), self.timings)

    def create_vault(self, name: str = VAULT, **changes: Any) -> Response:
        """A vault in the group, and in the DNS."""
        path = f"{GROUP}/providers/Microsoft.KeyVault/vaults/{name}"
        answer = self.arm("PUT", path, {"location": "westeurope", "properties": properties(**changes)})
        self.clock.advance(self.timings.operation)
        return answer

    def assign(self, principal: Principal, role: str, scope: str = GROUP) -> None:
        """Gives a principal a role, long enough ago to have reached the vault."""
        assignment = {"principal": principal.object_id, "role": role, "scope": scope.lower(), "created": 0.0}
        with self.world() as world:
            world.state.put(rbac.ASSIGNMENT, f"test/{next(self._serial)}", assignment)

    def arm(
        self, method: str, path: str, body: Any = None, *, version: str = "2026-02-01", caller: Principal = OPERATOR
    ) -> Response:
        """Resource Manager's answer, to the owner of the subscription or to another caller."""
        return self._ask(method, "management.azure.com", path, body, caller, "https://management.azure.com/", version)

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        caller: Principal | None = KEEPER,
        version: str = "7.4",
        vault: str = VAULT,
        content_type: str = "application/json",
    ) -> Response:
        """The vault's answer; `path` may be a whole URL, as links are. No caller: no token."""
        host = f"{vault}.vault.azure.net"
        return self._ask(method, host, path, body, caller, "https://vault.azure.net", version, content_type)

    def ok(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        """The body of an answer that has to be a success."""
        answer = self.call(method, path, body, **options)
        assert answer.status < 300, answer
        return answer.body

    def refused(self, method: str, path: str, body: Any = None, **options: Any) -> tuple[int, str, str]:
        """Status, innermost code and message of an answer that has to be a refusal."""
        answer = self.call(method, path, body, **options)
        assert answer.status >= 400, answer
        error = answer.body["error"]
        return answer.status, error.get("innererror", error)["code"], error["message"]

    def _ask(
        self, method: str, host: str, path: str, body: Any, caller: Principal | None, audience: str, version: str,
        content_type: str = "application/json",
    ) -> Response:  # fmt: skip
        url = urlsplit(path)
        query = {"api-version": version} | dict(parse_qsl(url.query, keep_blank_values=True))
        headers = {"content-type": content_type}
        if caller is not None:
            headers["authorization"] = f"Bearer {self._token(caller, audience)}"
        content = b"" if body is None else json.dumps(body).encode()
        # What urlsplit takes for a host in `//certificates` is the beginning of the path.
        path = url.path if url.scheme or not url.netloc else f"//{url.netloc}{url.path}"
        return self.azure.handle(Request(method, host, path, query, headers, content))

    def _token(self, caller: Principal, audience: str) -> str:
        """A fresh token at most every quarter of an hour: signing one takes longer than most requests."""
        now = self.clock.now()
        expiry, token = self._tokens.get((caller, audience), (now, ""))
        if now >= expiry:
            with self.world() as world:
                token = issue_token(world, caller, audience)
            self._tokens[caller, audience] = now + 900, token
        return token


def policy(subject: str = "CN=leaf", issuer: str = "Self", **key: Any) -> JSON:
    """The body of a certificate's creation: an EC key unless another is asked for, because those are quick to make."""
    return {
        "policy": {
            "key_props": {"kty": "EC", "crv": "P-256"} | key,
            "x509_props": {"subject": subject},
            "issuer": {"name": issuer},
        }
    }


def base64url(data: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
