"""Certificate issuers: the accounts at certificate authorities that a vault knows by a name. No authority is ever asked.

Source: certificates API, `SetCertificateIssuer` and the others; shapes and words as recordings of Microsoft's CLI and client for
JavaScript have them (2020).
"""

from __future__ import annotations

from typing import Any

from dpsops.emulator.documents import JSON
from dpsops.emulator.http import Refusal, Request, Response
from dpsops.emulator.keyvault import vaults
from dpsops.emulator.keyvault.access import Operation
from dpsops.emulator.keyvault.bodies import body_of, field, object_name, required_text
from dpsops.emulator.keyvault.certificate_policies import SELF, UNKNOWN
from dpsops.emulator.keyvault.errors import bad_parameter, refusal
from dpsops.emulator.keyvault.objects import ISSUERS
from dpsops.emulator.keyvault.pages import page
from dpsops.emulator.keyvault.vaults import Vault
from dpsops.emulator.world import World

_PROVIDERS = ("Test", "DigiCert", "GlobalSign", "OneCertV2-PrivateCA", "OneCertV2-PublicCA", "SSLAdmin", "SslAdminV2")
"""Those that clients name; any other is refused (stricter guess)."""
_OF_AN_ORGANIZATION = ("DigiCert",)
"""Those that need the organization's ID (observed)."""
_ADMINISTRATOR = ("first_name", "last_name", "email", "phone")


def put(world: World, request: Request, vault: str, issuer: str) -> Response:
    """SetCertificateIssuer: all of it is replaced but the time when it was made."""
    opened, body = vaults.require(world, vault), body_of(request)
    _check_name(issuer)
    existing = world.state.get(ISSUERS, _key(opened, issuer)) or {"name": issuer, "enabled": True, "created": int(world.now)}
    document = existing | {"provider": _provider(required_text(body, "provider"))} | _details(body) | _enabled(body, default=True)
    return _saved(world, opened, document)


def update(world: World, request: Request, vault: str, issuer: str) -> Response:
    """UpdateCertificateIssuer: what is sent is replaced; that the rest stays was recorded of a body with nothing in it."""
    opened, body = vaults.require(world, vault), body_of(request)
    document = _require(world, opened, issuer)
    details = {name: value for name, value in _details(body).items() if body.get(name) is not None}
    provider = {} if body.get("provider") is None else {"provider": _provider(required_text(body, "provider"))}
    return _saved(world, opened, document | provider | details | _enabled(body, default=document["enabled"]))


def get(world: World, request: Request, vault: str, issuer: str) -> Response:
    """GetCertificateIssuer."""
    opened = vaults.require(world, vault)
    return Response(200, _show(opened, _require(world, opened, issuer)))


def delete(world: World, request: Request, vault: str, issuer: str) -> Response:
    """DeleteCertificateIssuer: at once and for good."""
    opened = vaults.require(world, vault)
    document = _require(world, opened, issuer)
    world.state.delete(ISSUERS, _key(opened, issuer))
    return Response(200, _show(opened, document))


def list_issuers(world: World, request: Request, vault: str) -> Response:
    """GetCertificateIssuers."""
    opened = vaults.require(world, vault)

    def item(document: JSON) -> JSON:
        return {"id": _url(opened, document), "provider": document["provider"]}

    return page(world, request, ISSUERS, f"{opened.key}/", item)


def _details(body: JSON) -> JSON:
    """Account and organization. The password is read and not kept: the API never shows it, and nothing here needs it."""
    credentials, organization = field(body, "credentials", dict, {}), field(body, "org_details", dict)
    field(credentials, "pwd", str)
    given: JSON = {} if organization is None else organization
    administrators = field(given, "admin_details", list, [])
    if not all(isinstance(each, dict) for each in administrators):
        raise bad_parameter("Property admin_details has invalid value")
    kept: JSON = _texts(given, "id") | {"zip": 0, "admin_details": [_texts(each, *_ADMINISTRATOR) for each in administrators]}
    return {"credentials": _texts(credentials, "account_id"), "org_details": None if organization is None else kept}


def _texts(given: JSON, *names: str) -> dict[str, Any]:
    return {name: value for name in names if (value := field(given, name, str)) is not None}


def _enabled(body: JSON, *, default: bool) -> JSON:
    return {"enabled": field(field(body, "attributes", dict, {}), "enabled", bool, default)}


def _provider(name: str) -> str:
    known = next((each for each in _PROVIDERS if each.lower() == name.lower()), None)
    if known is None:
        raise bad_parameter(f"Property provider has invalid value {name}")
    return known


def _check_name(name: str) -> None:
    """The two issuers that every policy can name are no one's account (stricter guess)."""
    if object_name(name).lower() in (SELF.lower(), UNKNOWN.lower()):
        raise bad_parameter(f"The issuer name {name} is reserved")


def _saved(world: World, vault: Vault, document: JSON) -> Response:
    if document["provider"] in _OF_AN_ORGANIZATION and "id" not in (document["org_details"] or {}):
        raise bad_parameter("Id in organization details is not set")
    document = document | {"updated": int(world.now)}
    world.state.put(ISSUERS, _key(vault, document["name"]), document)
    return Response(200, _show(vault, document))


def _show(vault: Vault, document: JSON) -> JSON:
    organization = {} if document["org_details"] is None else {"org_details": document["org_details"]}
    attributes = {name: document[name] for name in ("enabled", "created", "updated")}
    shown = {"id": _url(vault, document), "provider": document["provider"], "credentials": document["credentials"]}
    return {**shown, **organization, "attributes": attributes}


def _require(world: World, vault: Vault, issuer: str) -> JSON:
    document = world.state.get(ISSUERS, _key(vault, object_name(issuer)))
    if document is None:
        raise _not_found()
    return document


def _not_found() -> Refusal:
    return refusal(404, "CertificateIssuerNotFound", "Issuer not found")


def _url(vault: Vault, document: JSON) -> str:
    return f"{vault.url}/certificates/issuers/{document['name']}"


def _key(vault: Vault, issuer: str) -> str:
    return f"{vault.key}/{issuer.lower()}"


_ONE = "/certificates/issuers/{issuer}"
OPERATIONS = [
    Operation("GET", "/certificates/issuers", list_issuers, "certificatecas/read", "certificates/manageissuers/getissuers"),
    Operation("GET", _ONE, get, "certificatecas/read", "certificates/manageissuers/getissuers"),
    Operation("PUT", _ONE, put, "certificatecas/write", "certificates/setissuers"),
    Operation("PATCH", _ONE, update, "certificatecas/write", "certificates/setissuers"),
    Operation("DELETE", _ONE, delete, "certificatecas/delete", "certificates/manageissuers/deleteissuers"),
]
