"""Microsoft's own clients, unmodified: azure-mgmt-msi makes an identity, and azure-identity signs in as it."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ResourceExistsError,
    ResourceNotFoundError,
)
from azure.identity import ClientAssertionCredential, ClientSecretCredential
from azure.mgmt.authorization import AuthorizationManagementClient
from azure.mgmt.authorization.v2022_04_01.models import RoleAssignmentCreateParameters
from azure.mgmt.msi import ManagedServiceIdentityClient
from azure.mgmt.msi.models import FederatedIdentityCredential, Identity, IdentityUpdate
from azure.mgmt.resource.resources import ResourceManagementClient
from cryptography.hazmat.primitives.asymmetric import rsa

from dpsops.emulator.identity.state import OPERATOR, SUBSCRIPTION, TENANT, federated_credentials, find_application
from dpsops.emulator.identity.tokens import signing_key, verify_jwt
from dpsops.emulator.world import Timings
from tests.conformance.transports import DirectTransport
from tests.emulator.managedidentity.lab import AUDIENCE, ISSUER, SUBJECT, assertion, publish
from tests.emulator.subscription.lab import GROUP, Subscription

MANAGEMENT = "https://management.azure.com/.default"
READER = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/acdd72a7-3385-48ef-bd42-f606fba81ae7"
Sdk = Any
"""A client, of which every part is optional in its type: the tests look at what is there."""


def operator(azure: Subscription) -> ClientSecretCredential:
    """The subscription's owner."""
    with azure.world() as world:
        application = find_application(world, OPERATOR.app_id)
    assert application is not None
    return ClientSecretCredential(TENANT, OPERATOR.app_id, application.secret, transport=DirectTransport(azure.azure))


@pytest.fixture
def msi(azure: Subscription) -> Sdk:
    """The client of Microsoft.ManagedIdentity."""
    return ManagedServiceIdentityClient(operator(azure), SUBSCRIPTION, transport=DirectTransport(azure.azure))


def federated(**changes: Any) -> FederatedIdentityCredential:
    return FederatedIdentityCredential(**{"issuer": ISSUER, "subject": SUBJECT, "audiences": [AUDIENCE]} | changes)


@pytest.fixture
def identity(azure: Subscription, msi: Sdk, issuer_key: rsa.RSAPrivateKey) -> Sdk:
    """An identity that a job of GitHub's may sign in as, with no role anywhere."""
    made = msi.user_assigned_identities.create_or_update("rg", "id-deployer", Identity(location="westeurope"))
    msi.federated_identity_credentials.create_or_update("rg", "id-deployer", "github-prod", federated())
    with azure.world() as world:
        publish(world, issuer_key)
    return made


def job(azure: Subscription, identity: Sdk, key: rsa.RSAPrivateKey, **changes: object) -> ClientAssertionCredential:
    """The credential of a job that has a token of its own."""
    return ClientAssertionCredential(
        TENANT,
        identity.client_id,
        lambda: assertion(azure.azure.clock.now(), key, **changes),
        transport=DirectTransport(azure.azure),
    )


def test_identities(msi: Sdk) -> None:
    identities = msi.user_assigned_identities
    made = identities.create_or_update("rg", "id-deployer", Identity(location="westeurope", tags={"a": "b"}))
    assert (made.name, made.location, made.tags, made.tenant_id) == ("id-deployer", "westeurope", {"a": "b"}, TENANT)
    assert made.as_dict() == identities.get("rg", "id-deployer").as_dict()
    assert identities.update("rg", "id-deployer", IdentityUpdate(tags={})).tags == {}
    assert [each.name for each in identities.list_by_resource_group("rg")] == ["id-deployer", "id-planner"]
    assert [each.name for each in identities.list_by_subscription()] == ["id-deployer", "id-planner"]
    identities.delete("rg", "id-deployer")
    identities.delete("rg", "id-deployer")
    with pytest.raises(ResourceNotFoundError):
        identities.get("rg", "id-deployer")


def test_federated_credentials(msi: Sdk) -> None:
    credentials, of = msi.federated_identity_credentials, ("rg", "id-planner")
    made = credentials.create_or_update(*of, "github-prod", federated())
    assert (made.name, made.issuer, made.subject, made.audiences) == ("github-prod", ISSUER, SUBJECT, [AUDIENCE])
    assert made.as_dict() == credentials.get(*of, "github-prod").as_dict()
    with pytest.raises(ResourceExistsError, match="Issuer and subject combination already exists"):
        credentials.create_or_update(*of, "second", federated())
    with pytest.raises(HttpResponseError, match="exactly one audience"):
        credentials.create_or_update(*of, "second", federated(audiences=["a", "b"]))
    credentials.create_or_update(*of, "second", federated(subject="another"))
    assert [each.name for each in credentials.list(*of)] == ["github-prod", "second"]
    assert [each.name for each in credentials.list(*of, top=1)] == ["github-prod", "second"]
    credentials.delete(*of, "second")
    credentials.delete(*of, "second")
    assert [each.name for each in credentials.list(*of)] == ["github-prod"]


def test_a_job_signs_in_as_the_identity_and_has_its_roles(
    azure: Subscription, identity: Sdk, issuer_key: rsa.RSAPrivateKey
) -> None:
    credential, transport = job(azure, identity, issuer_key), DirectTransport(azure.azure)
    token = credential.get_token(MANAGEMENT).token
    with azure.world() as world:
        claims = verify_jwt(token, signing_key(world).public_key())
    assert (claims["oid"], claims["appid"], claims["idtyp"], claims["tid"]) == (
        identity.principal_id, identity.client_id, "app", TENANT,
    )  # fmt: skip

    groups: Sdk = ResourceManagementClient(credential, SUBSCRIPTION, transport=transport).resource_groups
    with pytest.raises(HttpResponseError, match=f"The client '{identity.client_id}' with object id '{identity.principal_id}'"):
        groups.get("rg")
    roles: Sdk = AuthorizationManagementClient(operator(azure), SUBSCRIPTION, transport=transport).role_assignments
    given = RoleAssignmentCreateParameters(
        role_definition_id=READER, principal_id=identity.principal_id, principal_type="ServicePrincipal"
    )
    roles.create(GROUP, str(uuid.uuid4()), given)
    assert groups.get("rg").name == "rg"


def refused(credential: ClientAssertionCredential) -> str:
    """What a sign-in is refused with."""
    with pytest.raises(ClientAuthenticationError) as wrong:
        credential.get_token(MANAGEMENT)
    return str(wrong.value)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"sub": "repo:acme/fleet:environment:dev"}, "AADSTS700213"),
        ({"sub": SUBJECT.replace("prod", "Prod")}, "AADSTS7002138"),
        ({"iss": "https://elsewhere.example"}, "AADSTS700211"),
        ({"aud": "somebody-else"}, "AADSTS700212"),
        ({"exp": 1}, "AADSTS700024"),
    ],
)
def test_a_token_that_does_not_fit(
    azure: Subscription, identity: Sdk, issuer_key: rsa.RSAPrivateKey, changes: dict[str, object], code: str
) -> None:
    assert f"{code}: " in refused(job(azure, identity, issuer_key, **changes))


def test_an_identity_has_no_secret(azure: Subscription, identity: Sdk) -> None:
    credential = ClientSecretCredential(TENANT, identity.client_id, "guess", transport=DirectTransport(azure.azure))
    with pytest.raises(ClientAuthenticationError, match="AADSTS7000215: "):
        credential.get_token(MANAGEMENT)


def test_what_is_deleted_signs_in_no_more(azure: Subscription, msi: Sdk, identity: Sdk, issuer_key: rsa.RSAPrivateKey) -> None:
    job(azure, identity, issuer_key).get_token(MANAGEMENT)
    msi.federated_identity_credentials.delete("rg", "id-deployer", "github-prod")
    assert "AADSTS70025: " in refused(job(azure, identity, issuer_key))
    msi.federated_identity_credentials.create_or_update("rg", "id-deployer", "github-prod", federated())
    job(azure, identity, issuer_key).get_token(MANAGEMENT)
    msi.user_assigned_identities.delete("rg", "id-deployer")
    assert "AADSTS700016: " in refused(job(azure, identity, issuer_key))
    with azure.world() as world:
        assert federated_credentials(world, identity.client_id) == []
    anew = msi.user_assigned_identities.create_or_update("rg", "id-deployer", Identity(location="westeurope"))
    assert list(msi.federated_identity_credentials.list("rg", "id-deployer")) == []
    assert "AADSTS70025: " in refused(job(azure, anew, issuer_key))


def test_changes_take_their_time(azure: Subscription, msi: Sdk, identity: Sdk, issuer_key: rsa.RSAPrivateKey) -> None:
    azure.azure.timings = Timings(federation=120, principal=30)
    credentials, of = msi.federated_identity_credentials, ("rg", "id-deployer", "github-prod")
    credentials.create_or_update(*of, federated())
    job(azure, identity, issuer_key).get_token(MANAGEMENT)  # nothing has changed
    credentials.create_or_update(*of, federated(subject="another"))
    changed = {"sub": "another"}
    assert "AADSTS70021: No matching federated identity record" in refused(job(azure, identity, issuer_key, **changed))
    azure.azure.clock.advance(119)
    assert "AADSTS70021: " in refused(job(azure, identity, issuer_key, **changed))
    azure.azure.clock.advance(1)
    job(azure, identity, issuer_key, **changed).get_token(MANAGEMENT)

    new = msi.user_assigned_identities.create_or_update("rg", "id-issuer", Identity(location="westeurope"))
    assert "AADSTS700016: " in refused(job(azure, new, issuer_key))
    azure.azure.clock.advance(30)
    assert "AADSTS70025: " in refused(job(azure, new, issuer_key))
