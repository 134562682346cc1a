"""A tour of what the unmodified SDK clients do, each request and each answer held against Azure's OpenAPI files."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from azure.core import MatchConditions
from azure.core.credentials import AccessToken
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.keyvault.certificates import CertificateContentType, CertificatePolicy, KeyUsageType
from azure.keyvault.keys.crypto import CryptographyClient, SignatureAlgorithm
from azure.mgmt.authorization import AuthorizationManagementClient
from azure.mgmt.authorization.v2022_04_01.models import RoleAssignmentCreateParameters
from azure.mgmt.iothubprovisioningservices.models import (
    CertificateProperties,
    CertificateResponse,
    IotDpsPropertiesDescription,
    IotDpsSkuInfo,
    OperationInputs,
    ProvisioningServiceDescription,
    VerificationCodeRequest,
)
from azure.mgmt.keyvault.models import Sku, VaultCreateOrUpdateParameters, VaultProperties
from azure.mgmt.resource.deployments.models import (
    Deployment,
    DeploymentParameter,
    DeploymentProperties,
    DeploymentWhatIf,
    DeploymentWhatIfProperties,
)
from azure.mgmt.resource.resources.models import ResourceGroup, ResourceGroupPatchable
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from dpsops.azure.clients import Clients
from dpsops.emulator.azure import Azure
from dpsops.emulator.identity.state import OPERATOR, SUBSCRIPTION, TENANT, bootstrap
from dpsops.emulator.identity.tokens import issue_token
from dpsops.emulator.state import Database
from dpsops.emulator.world import Clock, Timings, World
from tests.conformance import reissue
from tests.conformance.exchanges import ValidatingObserver
from tests.conformance.openapi import Specification
from tests.conformance.transports import DirectTransport
from tests.worlds import environment, unpooled

GROUP, VAULT, DPS, HUB = "rg-dpsops-test", "kv-dpsops-test", "dps-dpsops-test", "iot-dpsops-test"
LOCATION = "westeurope"
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
Sdk = Any
"""A client, or a model of which every part is optional in its type: the tests look at what is there."""

OWNER_OF_VAULT = "00482a5a-887f-4fb3-b363-3b7fe8e74483"


class Credential:
    """The operator's tokens, straight from the embedded Azure's key."""

    def __init__(self, azure: Azure) -> None:
        self._azure = azure

    def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        """A token for the audience of the scope."""
        with self._azure.database.transaction() as state:
            world = World(state, self._azure.clock.now())
            token = issue_token(world, OPERATOR, scopes[0].removesuffix("/.default"))
        return AccessToken(token, int(datetime.now(UTC).timestamp()) + 3600)


@pytest.fixture
def azure(specification: Specification) -> Iterator[Azure]:
    """An embedded Azure about as slow as the real one, its time moved by the client that waits.

    It is watched for the whole of the test, which fails if anything on the wire was wrong.
    """
    azure = Azure(Database(None), Clock(frozen_at=NOW.timestamp()), Timings(operation=40, certificate=12, role=95, deletion=15))
    with azure.database.transaction() as state:
        bootstrap(World(state, azure.clock.now()))
    observer = ValidatingObserver(specification)
    azure.observers.append(observer)
    yield azure
    azure.database.close()
    assert not observer.violations, "\n".join(observer.violations)
    assert not observer.unmatched, "\n".join(observer.unmatched)


@pytest.fixture
def cloud(azure: Azure) -> Sdk:
    """The SDK's clients, with a resource group to work in."""
    cloud = Clients(environment(), SUBSCRIPTION, Credential(azure), DirectTransport(azure), unpooled)
    cloud.groups.resource_groups.create_or_update(GROUP, ResourceGroup(location=LOCATION))
    return cloud


@pytest.fixture
def vault(azure: Azure, cloud: Sdk) -> Sdk:
    """With a vault, and the role to do anything in it."""
    properties = VaultProperties(
        tenant_id=TENANT,
        sku=Sku(family="A", name="standard"),
        access_policies=[],
        enable_rbac_authorization=True,
        soft_delete_retention_in_days=7,
    )
    parameters = VaultCreateOrUpdateParameters(location=LOCATION, properties=properties)
    made = cloud.vaults.vaults.begin_create_or_update(GROUP, VAULT, parameters).result()
    roles(azure, cloud).role_assignments.create(str(made.id), str(uuid.uuid4()), role(OWNER_OF_VAULT))
    azure.clock.advance(100)
    return cloud


@pytest.fixture
def dps(cloud: Sdk) -> Sdk:
    """With a Device Provisioning Service."""
    description = ProvisioningServiceDescription(
        location=LOCATION, sku=IotDpsSkuInfo(name="S1", capacity=1), properties=IotDpsPropertiesDescription()
    )
    cloud.dps.iot_dps_resource.begin_create_or_update(GROUP, DPS, description).result()
    return cloud


def roles(azure: Azure, cloud: Sdk) -> Sdk:
    return AuthorizationManagementClient(Credential(azure), cloud.subscription, transport=DirectTransport(azure))


def role(identifier: str) -> RoleAssignmentCreateParameters:
    return RoleAssignmentCreateParameters(
        role_definition_id=f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{identifier}",
        principal_id=OPERATOR.object_id,
        principal_type="ServicePrincipal",
    )


def test_resource_groups(cloud: Sdk) -> None:
    groups = cloud.groups.resource_groups
    assert groups.check_existence(GROUP)
    assert groups.get(GROUP).location == LOCATION
    assert [group.name for group in groups.list()] == [GROUP]
    groups.update(GROUP, ResourceGroupPatchable(tags={"a": "b"}))
    groups.begin_delete(GROUP).result()
    assert not groups.check_existence(GROUP)


def test_role_assignments(azure: Azure, cloud: Sdk) -> None:
    assignments = roles(azure, cloud).role_assignments
    scope, name = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}", str(uuid.uuid4())
    created = assignments.create(scope, name, role(OWNER_OF_VAULT))
    assert assignments.get(scope, name).id == created.id
    assert name in [each.name for each in assignments.list_for_scope(scope)]
    assert name in [each.name for each in assignments.list_for_resource_group(GROUP)]
    assert name in [each.name for each in assignments.list_for_subscription()]
    assignments.delete(scope, name)
    with pytest.raises(ResourceNotFoundError):
        assignments.get(scope, name)


def test_vaults(vault: Sdk) -> None:
    vaults = vault.vaults.vaults
    assert vaults.get(GROUP, VAULT).properties.enable_rbac_authorization
    assert [each.name for each in vaults.list_by_resource_group(GROUP)] == [VAULT]
    assert not vaults.check_name_availability({"name": VAULT, "type": "Microsoft.KeyVault/vaults"}).name_available
    vaults.delete(GROUP, VAULT)
    assert [each.name for each in vaults.list_deleted()] == [VAULT]
    assert vaults.get_deleted(VAULT, LOCATION).properties.location == LOCATION
    vaults.begin_purge_deleted(VAULT, LOCATION).result()
    with pytest.raises(ResourceNotFoundError):
        vaults.get_deleted(VAULT, LOCATION)


def test_certificates(vault: Sdk) -> None:
    certificates = vault.certificates
    policy = CertificatePolicy(
        issuer_name="Self",
        subject="CN=root",
        key_type="RSA",
        key_size=2048,
        exportable=False,
        reuse_key=False,
        content_type=CertificateContentType.pem,
        key_usage=[KeyUsageType.key_cert_sign, KeyUsageType.digital_signature],
        validity_in_months=12,
    )
    first = certificates.begin_create_certificate("root", policy, tags={"generation": "1"}).result()
    assert first.properties.version
    unsigned = CertificatePolicy(issuer_name="Unknown", subject="CN=root", key_type="RSA", key_size=2048, reuse_key=True)
    certificates.begin_create_certificate("root", unsigned).result()
    request = x509.load_der_x509_csr(certificates.get_certificate_operation("root").csr or b"")
    ca = x509.load_pem_x509_certificate(base64.b64decode(reissue.authority("root", NOW.timestamp())))
    merged = certificates.merge_certificate("root", [der(reissue.reissue(ca, request.public_key(), reissue.key("root")))])
    assert merged.properties.version != first.properties.version

    assert certificates.get_certificate("root").properties.version == merged.properties.version
    certificates.get_certificate_version("root", str(first.properties.version))
    assert certificates.get_certificate_policy("root").reuse_key
    certificates.update_certificate_properties("root", first.properties.version, enabled=False, tags={"spent": "yes"})
    assert len(list(certificates.list_properties_of_certificate_versions("root"))) == 2
    assert [each.name for each in certificates.list_properties_of_certificates()] == ["root"]
    backup = certificates.backup_certificate("root")
    certificates.begin_delete_certificate("root").wait()
    assert [each.name for each in certificates.list_deleted_certificates()] == ["root"]
    certificates.begin_recover_deleted_certificate("root").wait()
    certificates.begin_delete_certificate("root").wait()
    certificates.purge_deleted_certificate("root")
    assert backup
    with pytest.raises(ResourceNotFoundError):
        certificates.get_certificate("root")


def test_a_pending_certificate_is_cancelled(vault: Sdk) -> None:
    certificates = vault.certificates
    certificates.begin_create_certificate("root", CertificatePolicy(issuer_name="Unknown", subject="CN=root")).result()
    certificates.cancel_certificate_operation("root")
    certificates.delete_certificate_operation("root")
    with pytest.raises(ResourceNotFoundError):
        certificates.get_certificate_operation("root")


def test_keys(azure: Azure, vault: Sdk) -> None:
    rsa, curve = vault.keys.create_rsa_key("rsa", size=2048), vault.keys.create_ec_key("ec", curve="P-256")
    for key, algorithm in ((rsa, SignatureAlgorithm.rs256), (curve, SignatureAlgorithm.es256)):
        signer = CryptographyClient(str(key.id), Credential(azure), transport=DirectTransport(azure))
        assert signer.sign(algorithm, b"d" * 32).signature
    assert vault.keys.get_key("rsa").id == rsa.id
    assert len(list(vault.keys.list_properties_of_keys())) == 2
    assert len(list(vault.keys.list_properties_of_key_versions("ec"))) == 1
    vault.keys.begin_delete_key("ec").wait()


def test_secrets(vault: Sdk) -> None:
    secrets = vault.secrets
    first = secrets.set_secret("leaf", "one", content_type="text/plain", tags={"device": "a"}, expires_on=NOW.replace(year=2027))
    second = secrets.set_secret("leaf", "two")
    assert secrets.get_secret("leaf").value == "two"
    assert secrets.get_secret("leaf", first.properties.version).value == "one"
    secrets.update_secret_properties("leaf", second.properties.version, tags={"device": "b"}, enabled=True)
    assert len(list(secrets.list_properties_of_secret_versions("leaf"))) == 2
    assert len(list(secrets.list_properties_of_secrets(max_page_size=1))) == 1
    secrets.begin_delete_secret("leaf").wait()
    with pytest.raises(HttpResponseError) as conflict:
        secrets.set_secret("leaf", "three")
    assert conflict.value.status_code == 409
    assert [each.name for each in secrets.list_deleted_secrets()] == ["leaf"]
    secrets.begin_recover_deleted_secret("leaf").wait()
    secrets.begin_delete_secret("leaf").wait()
    secrets.purge_deleted_secret("leaf")


def test_dps(dps: Sdk) -> None:
    services = dps.dps.iot_dps_resource
    assert services.check_provisioning_service_name_availability(OperationInputs(name="another-dps")).name_available
    found = services.get(DPS, GROUP)
    assert found.properties.id_scope
    assert [each.name for each in services.list_by_resource_group(GROUP)] == [DPS]
    assert [each.name for each in services.list_by_subscription()] == [DPS]
    policies = list(services.list_keys(DPS, GROUP))
    services.list_keys_for_key_name(DPS, str(policies[0].key_name), GROUP)
    services.begin_create_or_update(GROUP, DPS, found).result()
    services.begin_delete(DPS, GROUP).result()
    with pytest.raises(ResourceNotFoundError):
        services.get(DPS, GROUP)


def test_dps_certificates(dps: Sdk) -> None:
    certificates = dps.dps.dps_certificate
    authority = base64.b64decode(reissue.authority("root", NOW.timestamp()))
    body = CertificateResponse(properties=CertificateProperties(certificate=authority))
    created = certificates.create_or_update(GROUP, DPS, "root", body)
    answered = certificates.generate_verification_code(
        "root", GROUP, DPS, etag=str(created.etag), match_condition=MatchConditions.IfNotModified
    )
    assert answered.properties is not None
    proof = reissue.reissue(
        x509.load_pem_x509_certificate(authority),
        reissue.key("proof").public_key(),
        reissue.key("root"),
        answered.properties.verification_code,
    )
    verified = certificates.verify_certificate(
        "root",
        GROUP,
        DPS,
        VerificationCodeRequest(certificate=base64.b64encode(pem(proof)).decode()),
        etag=str(answered.etag),
        match_condition=MatchConditions.IfNotModified,
    )
    assert verified.properties is not None
    assert verified.properties.is_verified
    assert certificates.get("root", GROUP, DPS).etag == verified.etag
    assert len(certificates.list(GROUP, DPS).value or []) == 1
    certificates.delete(GROUP, DPS, "root", etag=str(verified.etag), match_condition=MatchConditions.IfNotModified)
    with pytest.raises(ResourceNotFoundError):
        certificates.get("root", GROUP, DPS)


def test_hubs(cloud: Sdk) -> None:
    hubs, certificates = cloud.hubs.iot_hub_resource, cloud.hubs.certificates
    hubs.begin_create_or_update(GROUP, HUB, {"location": LOCATION, "sku": {"name": "S1", "capacity": 1}}).result()
    assert hubs.get(GROUP, HUB).properties.host_name == f"{HUB}.azure-devices.net"
    assert [each.name for each in hubs.list_by_resource_group(GROUP)] == [HUB]
    assert [each.name for each in hubs.list_by_subscription()] == [HUB]
    assert "iothubowner" in [each.key_name for each in hubs.list_keys(GROUP, HUB)]
    hubs.get_keys_for_key_name(GROUP, HUB, "iothubowner")
    body = {"properties": {"certificate": reissue.authority("root", NOW.timestamp())}}
    created = certificates.create_or_update(GROUP, HUB, "root", body)
    answered = certificates.generate_verification_code(GROUP, HUB, "root", if_match=created.etag)
    assert certificates.get(GROUP, HUB, "root").etag == answered.etag
    assert len(certificates.list_by_iot_hub(GROUP, HUB).value) == 1
    certificates.delete(GROUP, HUB, "root", if_match=answered.etag)
    hubs.begin_delete(GROUP, HUB).result()
    with pytest.raises(HttpResponseError):
        hubs.get(GROUP, HUB)


TEMPLATE = {
    "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
    "contentVersion": "1.0.0.0",
    "parameters": {"dps": {"type": "string"}},
    "resources": [
        {
            "type": "Microsoft.Devices/provisioningServices",
            "apiVersion": "2022-12-12",
            "name": "[parameters('dps')]",
            "location": "[resourceGroup().location]",
            "sku": {"name": "S1", "capacity": 1},
            "properties": {},
        }
    ],
    "outputs": {"scope": {"type": "string", "value": "[reference(parameters('dps')).idScope]"}},
}


def test_deployments(cloud: Sdk) -> None:
    deployments = cloud.deployments.deployments
    parameters = {"dps": DeploymentParameter(value=DPS)}
    what_if = DeploymentWhatIf(
        properties=DeploymentWhatIfProperties(mode="Incremental", template=TEMPLATE, parameters=parameters)
    )
    deployment = Deployment(properties=DeploymentProperties(mode="Incremental", template=TEMPLATE, parameters=parameters))
    foreseen = deployments.begin_what_if(GROUP, "dpsops", what_if).result()
    assert [change.change_type for change in foreseen.properties.changes] == ["Create"]
    deployments.begin_validate(GROUP, "dpsops", deployment).result()
    made = deployments.begin_create_or_update(GROUP, "dpsops", deployment).result()
    assert made.properties.outputs["scope"]["value"].startswith("0ne")
    assert deployments.get(GROUP, "dpsops").properties.provisioning_state == "Succeeded"
    assert [each.name for each in deployments.list_by_resource_group(GROUP)] == ["dpsops"]
    assert list(cloud.deployments.deployment_operations.list(GROUP, "dpsops"))


def der(certificate: x509.Certificate) -> bytes:
    return base64.b64encode(certificate.public_bytes(Encoding.DER))


def pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.PEM)
