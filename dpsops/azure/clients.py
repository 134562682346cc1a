"""Creates the SDKs' clients and the credential from the settings. No other module creates one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from dpsops.azure.errors import understood
from dpsops.azure.home import HomePolicy
from dpsops.azure.new_roles import NewRoles, NewRolesPolicy
from dpsops.azure.retries import BoundedPolicy, PatientRetryPolicy, RegistrationPolicy
from dpsops.azure.signer import signer, vault_key
from dpsops.azure.token_claims import Claims, principal, read_claims
from dpsops.errors import Error
from dpsops.model import rates
from dpsops.model.rates import Rate
from dpsops.model.roles import HUB, SERVICE, VAULT, Principal
from dpsops.settings import Environment, vault_host

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential
    from azure.core.rest import HttpRequest
    from azure.keyvault.certificates import CertificateClient
    from azure.keyvault.keys import KeyClient
    from azure.keyvault.secrets import SecretClient
    from azure.mgmt.iothub import IotHubClient
    from azure.mgmt.iothubprovisioningservices import IotDpsClient
    from azure.mgmt.keyvault import KeyVaultManagementClient
    from azure.mgmt.msi import ManagedServiceIdentityClient
    from azure.mgmt.resource.deployments import DeploymentsMgmtClient
    from azure.mgmt.resource.resources import ResourceManagementClient
    from cryptography.hazmat.primitives.asymmetric.types import (
        CertificateIssuerPrivateKeyTypes,
        CertificatePublicKeyTypes,
    )

    from dpsops.azure.data_plane import DataPlane
    from dpsops.azure.device_plane import DevicePlane
    from dpsops.azure.pool import Place, Pool
    from dpsops.azure.role_assignments import RoleAssignment
    from dpsops.azure.transport import Transport
    from dpsops.azure.waits import Waiting

MANAGEMENT_HOST = "management.azure.com"
_MANAGEMENT_SCOPE = f"https://{MANAGEMENT_HOST}/.default"
_DPS_SCOPE = "https://azure-devices-provisioning.net/.default"
_HUB_SCOPE = "https://iothubs.azure.net/.default"
_VAULT_SCOPE = "https://vault.azure.net/.default"
_DPS_VERSION, _SECRETS_VERSION, _KEYS_VERSION = "2021-10-01", "2026-04-01", "2025-07-01"
_DPS_WITH_POLICIES = "2026-11-01"
"""The first API version of enrollments that name a certificate policy."""
_DPS_BY_KEY, DPS_BY_IDENTITY = "2022-12-12", "2026-11-01"
"""The API versions of the DPS's management: the one that recordings show in use, and the first one that knows links by identity,
which is the SDK's own."""

_OWN_HOSTS = {
    ".vault.azure.net": (_VAULT_SCOPE, _KEYS_VERSION),
    ".azure-devices-provisioning.net": (_DPS_SCOPE, _DPS_VERSION),
    ".azure-devices.net": (_HUB_SCOPE, "2021-04-12"),
}

POLLING_SECONDS = 5
"""How long to wait before an operation is asked for its state again, if it does not say."""


class Clients:
    """The SDKs' clients for one environment, and the planes of its devices. Each is created on first use; all share one
    credential, the clients one transport, the planes the pool that `pool` makes."""

    def __init__(
        self,
        environment: Environment,
        subscription: str,
        credential: TokenCredential,
        transport: Transport,
        pool: Callable[[TokenCredential, NewRoles], Pool],
    ) -> None:
        self.environment = environment
        self.subscription = subscription
        self.group = f"/subscriptions/{subscription}/resourceGroups/{environment.resource_group}"
        self._credential = credential
        self._transport = transport
        self.new_roles = NewRoles(self._assigned, self._say, environment.waits.role_seconds)
        self.pool = pool(credential, self.new_roles)

    def sleep(self, seconds: float) -> None:
        """Waits, in the same way as the transport between its attempts."""
        self._transport.sleep(seconds)

    def _say(self, text: str) -> None:
        self.waiting.say(text)

    @property
    def waiting(self) -> Waiting:
        """What is waited for."""
        return self._transport.waiting

    def close(self) -> None:
        """Closes the connections."""
        self._transport.close()

    @cached_property
    def caller(self) -> Principal:
        """The identity that runs dpsops, from its own token. Raises as `token_claims.principal` does."""
        return principal(self._claims)

    @property
    def tenant(self) -> str:
        """The ID of the tenant that the identity has signed in to, from its own token (`tid`); empty if that does not name it."""
        return str(self._claims.get("tid", ""))

    @cached_property
    def _claims(self) -> Claims:
        with understood("Entra ID"), self.waiting.request("a sign-in", self.environment.waits.request_seconds):
            token = self._credential.get_token(_MANAGEMENT_SCOPE).token
        return read_claims(token)

    @cached_property
    def groups(self) -> ResourceManagementClient:
        """Resource groups."""
        from azure.mgmt.resource.resources import ResourceManagementClient

        return ResourceManagementClient(self._credential, self.subscription, **self._management)

    @cached_property
    def deployments(self) -> DeploymentsMgmtClient:
        """Template deployments."""
        from azure.mgmt.resource.deployments import DeploymentsMgmtClient

        return DeploymentsMgmtClient(self._credential, self.subscription, **self._management)

    @cached_property
    def authorization(self) -> DataPlane:
        """Role assignments and role definitions (API 2022-04-01)."""
        return self.management("2022-04-01")

    def management(self, api_version: str) -> DataPlane:
        """Resource Manager as it is on the wire, in one API version of a resource provider."""
        from dpsops.azure.data_plane import DataPlane

        return DataPlane(MANAGEMENT_HOST, _MANAGEMENT_SCOPE, api_version, self._credential, self._transport)

    def data(self, host: str) -> DataPlane:
        """A service's own host, for what is only looked at: it does not wait for new roles."""
        from dpsops.azure.data_plane import DataPlane

        scope, version = next(found for name, found in _OWN_HOSTS.items() if host.endswith(name))
        return DataPlane(host, scope, version, self._credential, self._transport)

    def send_plainly(self, request: HttpRequest) -> Any:
        """The answer to a request without a credential, whatever it is; a failure is not tried again."""
        return self._transport.send(request)

    @property
    def means(self) -> str:
        """How it signs in, for people."""
        from dpsops.azure.sign_in import means

        return means(self._credential)

    @cached_property
    def monitor(self) -> DataPlane:
        """Diagnostic settings (API 2021-05-01-preview)."""
        from dpsops.azure.data_plane import DataPlane

        return DataPlane(MANAGEMENT_HOST, _MANAGEMENT_SCOPE, "2021-05-01-preview", self._credential, self._transport)

    @cached_property
    def vaults(self) -> KeyVaultManagementClient:
        """Vaults as resources, including deleted ones."""
        from azure.mgmt.keyvault import KeyVaultManagementClient

        return KeyVaultManagementClient(self._credential, self.subscription, **self._management)

    @cached_property
    def identities(self) -> ManagedServiceIdentityClient:
        """User-assigned identities and their federated credentials."""
        from azure.mgmt.msi import ManagedServiceIdentityClient

        return ManagedServiceIdentityClient(self._credential, self.subscription, **self._management)

    @cached_property
    def dps(self) -> IotDpsClient:
        """The management of the Device Provisioning Service, at an API version that has been seen in use if it is enough."""
        from azure.mgmt.iothubprovisioningservices import IotDpsClient

        version = DPS_BY_IDENTITY if self.environment.dps.link == "identity" else _DPS_BY_KEY
        return IotDpsClient(self._credential, self.subscription, api_version=version, **self._management)

    @cached_property
    def hubs(self) -> IotHubClient:
        """The management of the IoT Hubs."""
        from azure.mgmt.iothub import IotHubClient

        return IotHubClient(self._credential, self.subscription, **self._management)

    @cached_property
    def enrollments(self) -> DataPlane:
        """The DPS's enrollments and registrations (service API 2021-10-01)."""
        from dpsops.azure.data_plane import DataPlane

        patient = self._patient("the DPS", SERVICE)
        return DataPlane(self.environment.dps.host, _DPS_SCOPE, self._dps_version, self._credential, self._transport, patient)

    @cached_property
    def devices_of_dps(self) -> DevicePlane:
        """The same, for devices."""
        place = self._place(self.environment.dps.host, _DPS_SCOPE, "the DPS", SERVICE)
        return self._device_plane(place, self._dps_version, rates.dps_operations(self.environment))

    @property
    def _dps_version(self) -> str:
        """An API version that has been seen in use if it is enough."""
        return _DPS_VERSION if self.environment.group.certificate_policy is None else _DPS_WITH_POLICIES

    def registry(self, host: str) -> DevicePlane:
        """The device registry of a hub (service API 2021-04-12)."""
        place = self._place(host, _HUB_SCOPE, "the IoT Hub", HUB)
        return self._device_plane(place, "2021-04-12", rates.registry_operations(self.environment, host))

    def leaf_vault(self, name: str) -> DevicePlane:
        """The secrets of a vault in which devices have theirs."""
        place = self._place(vault_host(name), _VAULT_SCOPE, "the vault", VAULT)
        return self._device_plane(place, _SECRETS_VERSION, rates.secret_operations(self.environment, name))

    def root_keys(self, rate: Rate) -> DevicePlane:
        """The keys of the root's vault. `rate`: how many signatures it makes."""
        place = self._place(vault_host(self.environment.vault.name), _VAULT_SCOPE, "the vault", VAULT)
        return self._device_plane(place, _KEYS_VERSION, rate)

    def _device_plane(self, place: Place, api_version: str, rate: Rate) -> DevicePlane:
        from dpsops.azure.device_plane import DevicePlane

        return DevicePlane(self.pool, place, api_version, self.pool.budget(rate))

    def _place(self, host: str, scope: str, service: str, type_: str) -> Place:
        from dpsops.azure.pool import Place

        return Place(host, scope, service, f"{self.group}/providers/{type_}/{host.partition('.')[0]}")

    @cached_property
    def certificates(self) -> CertificateClient:
        """The vault's certificates."""
        from azure.keyvault.certificates import CertificateClient

        return CertificateClient(self.environment.vault.url, self._credential, **self._vault)

    @cached_property
    def keys(self) -> KeyClient:
        """The vault's keys."""
        from azure.keyvault.keys import KeyClient

        return KeyClient(self.environment.vault.url, self._credential, **self._vault)

    @cached_property
    def secrets(self) -> SecretClient:
        """The secrets of the root's vault."""
        from azure.keyvault.secrets import SecretClient

        return SecretClient(self.environment.vault.url, self._credential, **self._vault)

    def signer(self, key_id: str, public_key: CertificatePublicKeyTypes) -> CertificateIssuerPrivateKeyTypes:
        """The vault's key with this versioned ID, as a signer. It makes no request before it signs."""
        return signer(vault_key(key_id, public_key, self._credential, **self._vault), public_key)

    @property
    def _vault(self) -> dict[str, Any]:
        patient = [self._patient("the vault", VAULT)]
        return {"per_call_policies": patient, **self._bounded(vault_host(self.environment.vault.name))}

    def _bounded(self, host: str) -> dict[str, Any]:
        """The options of every client of the SDKs."""
        retries = PatientRetryPolicy(self._transport)
        return {"transport": self._transport, "retry_policy": retries, "per_retry_policies": [HomePolicy(host)]}

    def _patient(self, service: str, type_: str) -> NewRolesPolicy:
        return NewRolesPolicy(self.new_roles, service, self.group, type_)

    def _assigned(self) -> list[RoleAssignment]:
        """The roles of the identity, and of every group, because nobody here knows who is in it; none if it may not read them."""
        from dpsops.azure.role_assignments import role_assignments

        try:
            with understood("Resource Manager"):
                found = role_assignments(self.authorization, self.group)
            mine = self.caller.object_id.lower()
        except Error:
            return []
        return [each for each in found if each.principal == mine or each.kind == "Group"]

    @property
    def _management(self) -> dict[str, Any]:
        cloud = {"base_url": f"https://{MANAGEMENT_HOST}", "credential_scopes": [_MANAGEMENT_SCOPE]}  # whatever a variable says
        bounds = {"per_call_policies": [BoundedPolicy(self._transport)], "polling_interval": POLLING_SECONDS}
        retries = {"retry_policy": RegistrationPolicy(self._transport)}
        return {**self._bounded(MANAGEMENT_HOST), **retries, **bounds, **cloud}


async def pause(seconds: float) -> None:
    """Waits in real time."""
    await asyncio.sleep(seconds)


def connect(
    environment: Environment,
    variables: Mapping[str, str],
    *,
    proxied: bool = False,
    waiting: Waiting | None = None,
    share: float = 1.0,
) -> Clients:
    """The clients for an environment, from the variables that Azure's tools share (`AZURE_CLIENT_ID` and so on). `waiting`: knows
    what is waited for, and shows it. `share`: the part of each limit of Azure that is this process's.

    `proxied`: use only `HTTPS_PROXY` and trust only `REQUESTS_CA_BUNDLE` of these variables, as the embedded Azure needs.
    Raises `InvalidInput` if there is no subscription, or it is in another cloud than the public one.
    """
    from dpsops.azure.clouds import require_public
    from dpsops.azure.exchange import Connections
    from dpsops.azure.pool import Pool
    from dpsops.azure.sign_in import sign_in
    from dpsops.azure.transport import Transport, new_session
    from dpsops.azure.trust import trusted

    require_public(environment, variables)
    session = new_session()
    trust: dict[str, Any] = {}
    if proxied:
        session.trust_env = False
        session.proxies = {"https": variables["HTTPS_PROXY"]}
        trust = {"connection_verify": variables["REQUESTS_CA_BUNDLE"]}
    transport = Transport(environment.waits, waiting, session=session, **trust)
    signed_in = sign_in(environment, variables, transport)
    waits, proxy = environment.waits, variables["HTTPS_PROXY"] if proxied else None
    sender = Connections(partial(trusted, variables), proxy, waits.connect_seconds, waits.answer_seconds)

    def pool(credential: TokenCredential, roles: NewRoles) -> Pool:
        return Pool(sender, credential, waits, roles, sleep=pause, share=share, waiting=transport.waiting)

    return Clients(environment, signed_in.subscription, signed_in.credential, transport, pool)
