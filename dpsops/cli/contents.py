"""What `dpsops local show` prints of the embedded Azure."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, NamedTuple

from dpsops.cli.options import timestamp
from dpsops.cli.summary import Outputs, Paragraph, Summary

if TYPE_CHECKING:
    from dpsops.emulator.contents import Contents, Enrollment, Identity, Message, Registration, Vault
    from dpsops.emulator.door import Listen

_SHOWN = 20
"""So many of a kind the text shows; JSON has them all."""
_BODY = 60
"""So many characters of a message the text shows."""


class Served(NamedTuple):
    """How the embedded Azure is served: the URL of its proxy, and where it takes clients that know no proxy."""

    proxy: str
    listen: Listen | None


def document(contents: Contents, served: Served | None) -> dict[str, Any]:
    """All of it. A device can be connected only if somebody serves."""
    listen = served.listen if served else None
    return {
        "served": served is not None,
        "proxy": served.proxy if served else None,
        "listen": None if listen is None else {"address": listen.address, "https_port": listen.https, "mqtt_port": listen.mqtt},
        "hosts": list(contents.hosts),
        "vaults": [
            {"name": each.name, "keys": each.keys, "secrets": each.secrets, "certificates": each.certificates}
            for each in contents.vaults
        ],
        "provisioning_services": [{"name": each.name, "id_scope": each.id_scope} for each in contents.services],
        "enrollments": [
            {"dps": each.service, "id": each.id, "group": each.is_group, "attestation": each.attestation, "enabled": each.enabled}
            for each in contents.enrollments
        ],
        "registrations": [
            {
                "dps": each.service, "id": each.id, "enrollment_group": each.group or None, "status": each.status,
                "hub": each.hub or None, "updated_at": _moment(each.updated), "failure": each.failure or None,
            }
            for each in contents.registrations
        ],
        "hubs": list(contents.hubs),
        "identities": [
            {
                "hub": each.hub, "device": each.device, "enabled": each.enabled,
                "connected": each.connected and served is not None, "authentication": each.authentication,
                "sent": each.sent, "waiting": each.waiting,
                "last_activity": None if each.last_activity is None else _moment(each.last_activity),
            }
            for each in contents.identities
        ],
        "messages": [
            {
                "hub": each.hub, "device": each.device, "direction": _direction(each), "enqueued_at": _moment(each.at),
                **_body(each.body), "properties": each.properties, "system": each.system,
            }
            for each in contents.messages
        ],
    }  # fmt: skip


def text(contents: Contents, served: Served | None) -> str:
    """The same for people."""
    return "\n".join(_lines(contents, served))


def summary(contents: Contents, served: Served | None) -> Summary:
    """How much there is."""
    found = (
        f"{_count(len(contents.identities), 'identity', 'identities')} and {_count(len(contents.registrations), 'registration')}"
    )
    lead = f"The embedded Azure of this directory has {found}."
    return Summary(lead, (Paragraph(_served(served)),), Outputs(changed=False))


def _lines(contents: Contents, served: Served | None) -> Iterator[str]:
    yield _served(served)
    if not (contents.vaults or contents.services or contents.hubs):
        yield "nothing is in it: dpsops up"
        return
    for vault in contents.vaults:
        yield f"vault {vault.name}: {_vault(vault)}"
    for service in contents.services:
        yield f"DPS {service.name}: ID scope {service.id_scope}"
        yield from _some(_enrollment(each) for each in contents.enrollments if each.service == service.name)
        yield from _some(_registration(each) for each in contents.registrations if each.service == service.name)
    for hub in contents.hubs:
        yield f"hub {hub}"
        yield from _some(_identity(each, served is not None) for each in contents.identities if each.hub == hub)
    if contents.messages:
        yield "newest messages"
        yield from (f"  {_message(each)}" for each in contents.messages)
    yield f"hosts, for clients that know no proxy{'' if served and served.listen else ' (dpsops local serve --listen 127.0.0.1)'}"
    yield from hosts(contents, served.listen if served else None)


def hosts(contents: Contents, listen: Listen | None) -> Iterator[str]:
    """The lines of /etc/hosts that lead the names to where it listens."""
    address = "127.0.0.1" if listen is None or ip_address(listen.address).is_unspecified else listen.address
    for host in contents.hosts:
        yield f"{address} {host}"


def _served(served: Served | None) -> str:
    if served is None:
        return "not served: dpsops local serve --detach"
    doors = served.listen
    beside = "" if doors is None else f", and at {doors.address} on {doors.https} (HTTPS) and {doors.mqtt} (MQTT)"
    return f"served at {served.proxy}{beside}"


def _vault(vault: Vault) -> str:
    parts = [
        f"{kind} {', '.join(names)}" for kind, names in (("keys", vault.keys), ("certificates", vault.certificates)) if names
    ]
    return "; ".join((*parts, _count(len(vault.secrets), "secret")))


def _enrollment(each: Enrollment) -> str:
    kind = "enrollment group" if each.is_group else "individual enrollment"
    return f"{kind} {each.id}: {each.attestation}, {'enabled' if each.enabled else 'disabled'}"


def _registration(each: Registration) -> str:
    became = f"assigned to {each.hub}" if each.hub else f"failed: {each.failure}" if each.failure else each.status
    return f"registration {each.id}: {became} ({timestamp(_moment(each.updated))})"


def _identity(each: Identity, is_served: bool) -> str:
    parts = [
        "enabled" if each.enabled else "disabled",
        "connected" if each.connected and is_served else "not connected",
        each.authentication,
        f"{_count(each.sent, 'message')} sent",
        f"{each.waiting} waiting",
    ]
    return f"identity {each.device}: {', '.join(parts)}"


def _message(each: Message) -> str:
    way = f"{each.device} to {each.hub}" if each.is_from_device else f"{each.hub} to {each.device}"
    said = _plain(each.body.decode(errors="replace"))
    cut = said if len(said) <= _BODY else f"{said[:_BODY]}…"
    named = "".join(f" {_plain(name)}={_plain(value)}" for name, value in each.properties.items())
    return f"{timestamp(_moment(each.at))} {way}: {cut}{named}"


def _some(lines: Iterable[str]) -> Iterator[str]:
    """The first, indented, and how many more there are."""
    for number, line in enumerate(found := list(lines)):
        if number == _SHOWN:
            yield f"  and {len(found) - _SHOWN} more: dpsops --output json local show"
            return
        yield f"  {line}"


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or f'{one}s'}"


def _plain(said: str) -> str:
    """What a device says commands no terminal."""
    return "".join(each if each.isprintable() else "\\" + f"x{ord(each):02x}" for each in said)


def _direction(each: Message) -> str:
    return "device-to-cloud" if each.is_from_device else "cloud-to-device"


def _body(body: bytes) -> dict[str, str]:
    """As text if it is some, else in base64."""
    try:
        return {"encoding": "utf-8", "body": body.decode()}
    except UnicodeDecodeError:
        return {"encoding": "base64", "body": base64.b64encode(body).decode()}


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
