"""Whom a vault would tell of the expiry of its certificates: one list for each vault. Nobody is told.

Source: certificates API, `SetCertificateContacts` and the others; shapes and words as recordings of Microsoft's CLI and client
for JavaScript have them (2020, 2021).
"""

from __future__ import annotations

from dpsops.emulator.documents import JSON
from dpsops.emulator.http import Request, Response
from dpsops.emulator.keyvault import vaults
from dpsops.emulator.keyvault.access import Operation
from dpsops.emulator.keyvault.bodies import body_of, field, required_text
from dpsops.emulator.keyvault.errors import bad_parameter, refusal
from dpsops.emulator.keyvault.objects import CONTACTS
from dpsops.emulator.keyvault.vaults import Vault
from dpsops.emulator.world import World


def put(world: World, request: Request, vault: str) -> Response:
    """SetCertificateContacts: the whole list. Each has an address, and somebody is in the list (both stricter guesses)."""
    opened, given = vaults.require(world, vault), field(body_of(request), "contacts", list)
    if not given or not all(isinstance(each, dict) for each in given):
        raise bad_parameter("Property contacts has invalid value")
    contacts = [
        {"email": required_text(each, "email")}
        | {name: value for name in ("name", "phone") if (value := field(each, name, str)) is not None}
        for each in given
    ]
    world.state.put(CONTACTS, _key(opened), {"contacts": contacts})
    return Response(200, _show(opened, contacts))


def get(world: World, request: Request, vault: str) -> Response:
    """GetCertificateContacts: see `Habits.no_contacts` for a vault that has none."""
    opened = vaults.require(world, vault)
    if world.habits.no_contacts == "empty" and world.state.get(CONTACTS, _key(opened)) is None:
        return Response(200, _show(opened, []))
    return Response(200, _show(opened, _require(world, opened)))


def delete(world: World, request: Request, vault: str) -> Response:
    """DeleteCertificateContacts: answers with those that there were."""
    opened = vaults.require(world, vault)
    contacts = _require(world, opened)
    world.state.delete(CONTACTS, _key(opened))
    return Response(200, _show(opened, contacts))


def _require(world: World, vault: Vault) -> list[JSON]:
    document = world.state.get(CONTACTS, _key(vault))
    if document is None:
        raise refusal(404, "ContactsNotFound", "Contacts not found")
    contacts: list[JSON] = document["contacts"]
    return contacts


def _show(vault: Vault, contacts: list[JSON]) -> JSON:
    return {"id": f"{vault.url}/certificates/contacts", "contacts": contacts}


def _key(vault: Vault) -> str:
    return f"{vault.key}/"


_PATH, _PERMISSION = "/certificates/contacts", "certificates/managecontacts"
OPERATIONS = [
    Operation(method, _PATH, handler, "certificatecontacts/write", _PERMISSION)
    for method, handler in (("GET", get), ("PUT", put), ("DELETE", delete))
]
"""One data action is all that there is of them (Azure permissions of Microsoft.KeyVault)."""
