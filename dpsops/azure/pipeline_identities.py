"""The identities of the pipelines of an environment in Azure: user-assigned identities, what they trust, and their custom roles.

Source: Microsoft.ManagedIdentity REST API 2024-11-30; Microsoft.Authorization 2022-04-01, `RoleDefinitions`, `RoleAssignments`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from dpsops.azure import answers
from dpsops.azure.answers import Shape
from dpsops.azure.clients import Clients
from dpsops.azure.errors import understood
from dpsops.azure.resource_group import ResourceGroup
from dpsops.azure.role_assignments import role_assignments
from dpsops.model.pipeline import PROVIDERS, Credential, Definition, guid
from dpsops.model.pipeline_steps import (
    Assign,
    CreateGroup,
    CreateIdentity,
    Define,
    Found,
    FoundIdentity,
    Register,
    Step,
    Trust,
)  # fmt: skip
from dpsops.model.roles import Held

_WHO = "Resource Manager"
_PAUSE_SECONDS = 5.0
_BUSY = "ConcurrentFederatedIdentityCredentialsWritesForSingleManagedIdentity"
_NOT_YET = frozenset({_BUSY, "PrincipalNotFound", "RoleDefinitionDoesNotExist"})
"""What passes by itself: another run writes a credential of the same identity, or what was just made is not known everywhere.
Source: "Important considerations and restrictions for federated identity credentials"; "Troubleshoot Azure RBAC"."""


class _Permission(Shape):
    actions: list[str] | None = None
    not_actions: list[str] | None = None
    data_actions: list[str] | None = None
    not_data_actions: list[str] | None = None


class _Properties(Shape):
    role_name: str
    description: str | None = None
    permissions: list[_Permission]
    assignable_scopes: list[str]


class _Definition(Shape):
    properties: _Properties


class PipelineIdentities:
    """The identities of an environment's pipelines, in its resource group."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._environment = clients.environment
        self._group = ResourceGroup(clients)

    @property
    def group(self) -> str:
        """The ID of the resource group."""
        return self._clients.group

    @property
    def subscription(self) -> str:
        """The ID of the subscription."""
        return self._clients.subscription

    @understood(_WHO)
    def observe(self, names: Collection[str], roles: Collection[str]) -> Found:
        """What there is of identities of these names and of custom roles with these GUIDs. A request for each resource provider,
        and, if there is a resource group, for each identity, each role, and each page of credentials, assignments and vaults.

        Raises `Refused` for a resource group that is being deleted.
        """
        unregistered = tuple(each for each in PROVIDERS if not self._is_registered(each))
        if not self._group.exists():
            return Found(self.group, unregistered=unregistered)
        listed = role_assignments(self._clients.authorization, self.group)
        return Found(
            self.group,
            group_exists=True,
            unregistered=unregistered,
            identities={name: found for name in names if (found := self._identity(name))},
            definitions={role: known for role in roles if (known := self._definition(role))},
            held=frozenset(Held(each.scope, each.role, each.principal) for each in listed),
            vaults=frozenset(self._group.vaults()) if self._environment.device.vaults else frozenset(),
        )

    @understood(_WHO)
    def take(self, step: Step, principals: Mapping[str, str]) -> None:
        """Takes one step. `principals`: the object IDs of the identities, by name. To take a step again changes nothing."""
        match step:
            case Register(namespace):
                self._register(namespace)
            case CreateGroup():
                self._group.create()
            case CreateIdentity(name):
                self._create(name)
            case Define(identifier, definition):
                self._clients.authorization.put(self._role(identifier), _document(definition), None)
            case Assign(identity, role, identifier, scope):
                principal = principals[identity]
                path = f"{scope}/providers/Microsoft.Authorization/roleAssignments/{guid(scope, principal, identifier)}"
                document = {
                    "roleDefinitionId": self._role(identifier),
                    "principalId": principal,
                    "principalType": "ServicePrincipal",
                }
                authorization = self._clients.authorization
                self._settled(f"the role {role} of {identity}", lambda: authorization.put(path, {"properties": document}, None))
            case Trust(identity, credential):
                self._settled(f"the federated credential {credential.name}", lambda: self._trust(identity, credential))

    @understood(_WHO)
    def identity(self, name: str) -> FoundIdentity | None:
        """The identity of this name, or None."""
        return self._identity(name)

    def _is_registered(self, namespace: str) -> bool:
        """Whether a resource provider is registered. It is taken to be for an identity that may not ask."""
        try:
            return str(self._clients.groups.providers.get(namespace).registration_state) == "Registered"
        except HttpResponseError as error:
            if error.status_code != 403:
                raise
            return True

    def _register(self, namespace: str) -> None:
        self._clients.groups.providers.register(namespace)
        bound = self._environment.waits.operation_seconds
        with self._clients.waiting.operation(f"the registration of {namespace}", bound):
            while not self._is_registered(namespace):
                self._clients.sleep(_PAUSE_SECONDS)

    def _identity(self, name: str) -> FoundIdentity | None:
        group, identities = self._environment.resource_group, self._clients.identities
        try:
            found = identities.user_assigned_identities.get(group, name)
            listed = list(answers.every(identities.federated_identity_credentials.list(group, name)))
        except ResourceNotFoundError:
            return None
        return FoundIdentity(
            _text(found.principal_id), _text(found.client_id), _text(found.tenant_id), tuple(map(_credential, listed))
        )

    def _create(self, name: str) -> None:
        from azure.mgmt.msi.models import Identity

        identity = Identity(location=self._environment.location, tags=self._environment.tags)
        self._clients.identities.user_assigned_identities.create_or_update(self._environment.resource_group, name, identity)

    def _trust(self, identity: str, wanted: Credential) -> None:
        from azure.mgmt.msi.models import FederatedIdentityCredential

        document = FederatedIdentityCredential(issuer=wanted.issuer, subject=wanted.subject, audiences=list(wanted.audiences))
        self._clients.identities.federated_identity_credentials.create_or_update(
            self._environment.resource_group, identity, wanted.name, document
        )

    def _definition(self, identifier: str) -> Definition | None:
        document = self._clients.authorization.get(self._role(identifier))
        if document is None:
            return None
        found = _Definition.model_validate(document).properties
        return Definition(
            found.role_name,
            found.description or "",
            _sorted(each.actions for each in found.permissions),
            _sorted(each.data_actions for each in found.permissions),
            tuple(found.assignable_scopes),
            _sorted(each.not_actions for each in found.permissions),
            _sorted(each.not_data_actions for each in found.permissions),
        )

    def _role(self, identifier: str) -> str:
        return f"{self.group}/providers/Microsoft.Authorization/roleDefinitions/{identifier}"

    def _settled(self, what: str, write: Callable[[], object]) -> None:
        """Writes, again and again while Azure says that it is too early."""
        with self._clients.waiting.operation(what, self._environment.waits.request_seconds, "request_seconds"):
            while True:
                try:
                    write()
                except HttpResponseError as error:
                    if error.error is None or error.error.code not in _NOT_YET:
                        raise
                    self._clients.sleep(_PAUSE_SECONDS)
                else:
                    return


def _sorted(parts: Iterable[list[str] | None]) -> tuple[str, ...]:
    return tuple(sorted(each for part in parts for each in part or []))


def _document(wanted: Definition) -> dict[str, Any]:
    permission = {
        "actions": list(wanted.actions),
        "notActions": list(wanted.not_actions),
        "dataActions": list(wanted.data_actions),
        "notDataActions": list(wanted.not_data_actions),
    }
    properties = {
        "roleName": wanted.name,
        "type": "CustomRole",
        "description": wanted.description,
        "permissions": [permission],
        "assignableScopes": list(wanted.scopes),
    }
    return {"properties": properties}


def _credential(found: Any) -> Credential:
    audiences = found.audiences or []
    return Credential(_text(found.name), _text(found.issuer), _text(found.subject), tuple(map(_text, audiences)))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("an identity or a credential that is not complete")
    return value
