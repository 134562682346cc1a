"""An independent look at what is there: at the documents of the embedded Azure and at its devices, past all commands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dpsops.pki.bundles import DeviceCredential
from dpsops.pki.names import device_id
from tests.crash.judge import registers
from tests.matrices.documents import Documents
from tests.worlds import World

_PEM = re.compile(r"-----BEGIN (.+?)-----\n.*?-----END \1-----\n?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Sight:
    """What is there: the devices with a certificate that are not blocked; and what is wrong, such as one of them that cannot
    register with what the vault has for it."""

    devices: tuple[str, ...]
    wrong: tuple[str, ...]


def look(world: World, place: Path) -> Sight:
    """Looks, and lets each device register that has its key in the vault."""
    documents = Documents.of(place, world.clock.now())
    secrets = dict(documents.newest())
    admitted = tuple(name for name, version in secrets.items() if version["tags"].get("blocked") != "yes")
    return Sight(admitted, (*_devices(world, secrets), *_untrusted(documents)))


def _devices(world: World, secrets: dict[str, Any]) -> Iterator[str]:
    able = registers(world, {device_id(name): found for name, each in secrets.items() if (found := _credential(each))}, ())
    for name, can in able.items():
        blocked = secrets[name.partition(",")[0]]["tags"].get("blocked") == "yes"
        if blocked and can == "assigned":
            yield f"{name}, registers though it is blocked"
        elif not blocked and can != "assigned":
            yield f"{name}, cannot register: {can}"


def _credential(version: Any) -> DeviceCredential | None:
    """The key and the chain; None if the key is elsewhere, or the version is disabled."""
    parts = [(found[1], found[0]) for found in _PEM.finditer(version["value"] or "")]
    key = "".join(text for label, text in parts if label.endswith("PRIVATE KEY"))
    chain = "".join(text for label, text in parts if label == "CERTIFICATE")
    return DeviceCredential(key=key, chain=chain) if key and version["attributes"]["enabled"] else None


def _untrusted(documents: Documents) -> Iterator[str]:
    """What is wrong with the trust: a root that the DPS has not verified, or that the group names and nobody has."""
    certificates = {each["name"]: each for each in documents.all("certificate").values()}
    roots = {each["name"] for each in documents.all("keyvault.certificate").values() if not each["deleted"]}
    yield from (f"{name} is not verified in the DPS" for name, each in certificates.items() if not each["isVerified"])
    for group in documents.all("enrollmentGroup").values():
        named = set(filter(None, group["attestation"]["caReferences"].values()))
        yield from (f"the group trusts {name}, which the DPS does not have" for name in named - set(certificates))
        yield from (f"the group trusts {name}, which the vault does not have" for name in named - roots)
        if group["settings"]["provisioningStatus"] != "enabled":
            yield "the group is disabled"
