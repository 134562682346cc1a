"""Shared access policies of services and hubs: a name, two keys, and the rights that a token signed with them has."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Sequence

from dpsops.emulator.documents import JSON
from dpsops.emulator.microsoft_devices.errors import BAD_REQUEST, key_not_found, refusal
from dpsops.emulator.resource_provider.bodies import member
from dpsops.emulator.world import World

MASKED: JSON = {"primaryKey": "****", "secondaryKey": "****"}
"""Both keys of a policy where they are not shown."""

_LONGEST_NAME = 64


def policy(name: str, rights: str, primary: str | None = None, secondary: str | None = None) -> JSON:
    """A policy as listkeys shows it. A key that is not given is made."""
    return {"keyName": name, "primaryKey": primary or _key(), "secondaryKey": secondary or _key(), "rights": rights}


def _is_key(key: str | None) -> bool:
    try:
        base64.b64decode(key or "", validate=True)
    except ValueError:
        return False
    return True


def _key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


def read_policies(world: World, given: list[JSON], known: frozenset[str]) -> list[JSON]:
    """The policies of a PUT; a key that is left out is replaced by a new one, which is how clients renew keys.

    Refuses a nameless policy or one of over 64 characters, two of one name, rights other than a list of `known` ones,
    and keys that are no base64 (stricter guess).
    """
    policies: list[JSON] = []
    for each in given:
        name, rights = member(each, "keyName", str), member(each, "rights", str)
        if not name or len(name) > _LONGEST_NAME or any(name == other["keyName"] for other in policies):
            raise refusal(world, BAD_REQUEST, f"Invalid or duplicate key name: '{name}'.")
        if not rights or not {right.strip() for right in rights.split(",")} <= known:
            raise refusal(world, BAD_REQUEST, f"Invalid rights '{rights}' of key '{name}'.")
        keys = [member(each, place, str) for place in ("primaryKey", "secondaryKey")]
        if not all(map(_is_key, keys)):
            raise refusal(world, BAD_REQUEST, f"Invalid key of policy '{name}': it is no base64.")
        policies.append(policy(name, rights, *keys))
    return policies


def after_put(
    world: World,
    given: list[JSON] | None,
    present: list[JSON],
    known: frozenset[str],
    defaults: Sequence[tuple[str, str]],
    *,
    keep: bool,
) -> list[JSON]:
    """The policies after a PUT. A list that lacks one deletes it (recorded). Where there is no list all stay (`keep`), or
    those that everyone is made with, names and rights, are there and no other; they keep their keys."""
    if given is not None:
        return read_policies(world, given, known)
    if keep:
        return present
    named = {each["keyName"]: each for each in present}
    return [named.get(name) or policy(name, rights) for name, rights in defaults]


def find_policy(world: World, policies: list[JSON], name: str) -> JSON:
    """The policy of this name; refuses any other."""
    for each in policies:
        if each["keyName"] == name:
            return each
    raise key_not_found(world, name)
