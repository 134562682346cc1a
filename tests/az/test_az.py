"""Microsoft's Azure CLI, unmodified, drives the embedded Azure. `make az` installs it and runs these tests."""

from __future__ import annotations

import base64
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from tests.az.conftest import Az, Served
from tests.pki.authorities import by_hand, device_key, key

if "DPSOPS_TEST_AZ" not in os.environ:
    pytest.skip("needs the Azure CLI: make az", allow_module_level=True)


GROUP, VAULT, HUB = "rg-dpsops-local", "kv-dpsops-local", "iot-dpsops-local"
OF_THE_DPS = ("--resource-group", GROUP, "--dps-name", "dps-dpsops-local")


def written(certificate: x509.Certificate, path: Path) -> str:
    """The path of a PEM file, for az to read."""
    path.write_bytes(certificate.public_bytes(Encoding.PEM))
    return str(path)


def test_signing_in_shows_the_subscription(az: Az, served: Served) -> None:
    az("account", "set", "--subscription", served.variables["AZURE_SUBSCRIPTION_ID"])
    shown = az("account", "show")
    assert (shown["id"], shown["state"]) == (served.variables["AZURE_SUBSCRIPTION_ID"], "Enabled")
    assert (shown["tenantId"], shown["isDefault"]) == (served.variables["AZURE_TENANT_ID"], True)
    assert shown["user"] == {"name": served.variables["AZURE_CLIENT_ID"], "type": "servicePrincipal"}


def test_a_wrong_client_secret_is_refused(served: Served, tmp_path: Path) -> None:
    secret = tmp_path / "client-secret"
    secret.write_text("wrong")
    stranger = served.az(tmp_path / "configuration")
    assert "AADSTS7000215" in stranger.refused(*served.signing_in(secret))
    assert "az login" in stranger.refused("group", "list")


def test_groups_resources_and_deployments(az: Az) -> None:
    (group,) = az("group", "list")
    assert (group["name"], group["properties"]["provisioningState"]) == (GROUP, "Succeeded")
    assert {each["type"] for each in az("resource", "list", "--resource-group", GROUP)} == {
        "Microsoft.KeyVault/vaults",
        "Microsoft.Devices/IotHubs",
        "Microsoft.Devices/provisioningServices",
    }
    deployments = az("deployment", "group", "list", "--resource-group", GROUP)
    assert {each["properties"]["provisioningState"] for each in deployments} == {"Succeeded"}
    assert any("linkedHubs" in (each["properties"]["outputs"] or {}) for each in deployments)


def test_hubs(az: Az) -> None:
    (hub,) = az("iot", "hub", "list")
    assert (hub["name"], hub["sku"]["name"]) == (HUB, "S1")
    assert (hub["properties"]["state"], hub["properties"]["hostName"]) == ("Active", f"{HUB}.azure-devices.net")


def test_a_device_is_a_secret_of_the_vault(az: Az) -> None:
    without_its_value = "{contentType: contentType, tags: tags, attributes: attributes, key: contains(value, 'PRIVATE KEY')}"
    shown = az("keyvault", "secret", "show", "--vault-name", VAULT, "--name", "device-press-07", "--query", without_its_value)
    assert shown["contentType"] == "application/x-pem-file"
    assert (shown["tags"]["device"], shown["tags"]["dpsops"]) == ("press-07", "device")
    assert shown["attributes"]["enabled"] is True
    assert shown["key"] is True


def test_the_vault_returns_the_roots_certificate_and_not_its_key(az: Az) -> None:
    root = ("--vault-name", VAULT, "--name", "root-g1")
    shown = az("keyvault", "certificate", "show", *root)
    certificate = x509.load_der_x509_certificate(base64.b64decode(shown["cer"]))
    assert certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert shown["policy"]["keyProperties"]["exportable"] is False

    secret = az("keyvault", "secret", "show", *root)
    assert "BEGIN CERTIFICATE" in secret["value"]
    assert "PRIVATE KEY" not in secret["value"]
    assert secret["kid"] == shown["kid"]

    public = az("keyvault", "key", "show", *root)
    assert public["key"]["kid"] == shown["kid"]
    assert public["key"].get("d") is None


def test_the_root_is_verified_in_the_dps(az: Az) -> None:
    shown = az("iot", "dps", "certificate", "show", *OF_THE_DPS, "--name", "root-g1")
    assert shown["properties"]["isVerified"] is True
    of_the_vault = az("keyvault", "certificate", "show", "--vault-name", VAULT, "--name", "root-g1")
    assert shown["properties"]["thumbprint"] == of_the_vault["x509ThumbprintHex"]
    assert shown in az("iot", "dps", "certificate", "list", *OF_THE_DPS)["value"]


def test_a_certificate_is_uploaded_and_verified(az: Az, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    begin, end = now - timedelta(hours=1), now + timedelta(days=1)
    signer = key("EC-P256")
    root = by_hand(signer, (x509.BasicConstraints(ca=True, path_length=None), True), subject="az root", begin=begin, end=end)
    named = (*OF_THE_DPS, "--name", "az-root")
    created = az("iot", "dps", "certificate", "create", *named, "--path", written(root, tmp_path / "root.pem"))
    assert created["properties"]["isVerified"] is False

    coded = az("iot", "dps", "certificate", "generate-verification-code", *named, "--etag", created["etag"])
    assert coded["etag"] != created["etag"]
    public_key = device_key().public_key()

    def proof(subject: str) -> str:
        certificate = by_hand(signer, subject=subject, issuer=root, public_key=public_key, begin=begin, end=end)
        return written(certificate, tmp_path / "proof.pem")

    verify = ("iot", "dps", "certificate", "verify", *named, "--path")
    code = coded["properties"]["verificationCode"]
    assert "IH412001" in az.refused(*verify, proof(code), "--etag", created["etag"])
    assert "IH400053" in az.refused(*verify, proof("another code"), "--etag", coded["etag"])
    verified = az(*verify, proof(code), "--etag", coded["etag"])
    assert verified["properties"]["isVerified"] is True
    assert az("iot", "dps", "certificate", "show", *named)["properties"]["isVerified"] is True

    az("iot", "dps", "certificate", "delete", *named, "--etag", verified["etag"])
    assert "404015" in az.refused("iot", "dps", "certificate", "show", *named)


def test_a_stale_etag_is_refused_with_azures_message(az: Az) -> None:
    root = (*OF_THE_DPS, "--name", "root-g1")
    before = az("iot", "dps", "certificate", "show", *root)
    said = az.refused("iot", "dps", "certificate", "generate-verification-code", *root, "--etag", "stale")
    assert "(412001) Invalid ETag supplied." in said
    assert "errorcode: IH412001" in said
    assert az("iot", "dps", "certificate", "show", *root) == before


def test_a_missing_resource_is_refused_with_azures_message(az: Az) -> None:
    assert "(SecretNotFound)" in az.refused("keyvault", "secret", "show", "--vault-name", VAULT, "--name", "device-press-99")
    assert "(ResourceGroupNotFound)" in az.refused("group", "show", "--name", "rg-elsewhere")
