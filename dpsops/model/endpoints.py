"""The hosts that dpsops talks to: whether they answer, whether they let this address in, and what time it is there."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from dpsops.model.checkup import Finding, Outcome

_TOLERATED, _SUSPECT = 300.0, 60.0
"""Seconds. Entra ID and the services tolerate five minutes between two clocks ("Microsoft identity platform", clock skew)."""

MQTT_PORT = 8883

_TLS = ("certificate", "ssl", "tls")


class Entry(enum.Enum):
    """How a service's own host receives an identity."""

    OPEN = enum.auto()
    CLOSED = enum.auto()
    DENIED = enum.auto()
    UNKNOWN = enum.auto()


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A host. `trouble`: why it does not answer. `skew`: how many seconds its clock is ahead; None if it does not say."""

    service: str
    host: str
    trouble: str = ""
    hint: str = ""
    skew: float | None = None


def reached(endpoints: Iterable[Endpoint]) -> Iterator[Finding]:
    """Whether each host answers."""
    for each in endpoints:
        if not each.trouble:
            yield Finding("endpoint", each.host, Outcome.OK, f"{each.service} answers")
            continue
        trouble = each.trouble.lower()
        hint = each.hint
        if "proxy" in trouble:
            hint = "check the proxy that HTTPS_PROXY names, and whether it lets this host through"
        elif any(word in trouble for word in _TLS):
            hint = "if a proxy inspects TLS, name its CA in REQUESTS_CA_BUNDLE"
        yield Finding("endpoint", each.host, Outcome.FAILED, f"{each.service} cannot be reached: {each.trouble}", hint)


def mqtt(endpoint: Endpoint) -> Finding:
    """Whether a host can be reached over MQTT: devices may do without, and `device register` has another way."""
    if not endpoint.trouble:
        return Finding("mqtt", endpoint.host, Outcome.OK, "takes connections for MQTT")
    hint = (
        f"let this machine out to port {MQTT_PORT}: dpsops speaks MQTT there alone, not over WebSockets nor through a proxy; or "
        "register with --transport https, which needs port 443 alone, but sends no message to the hub"
    )
    return Finding("mqtt", endpoint.host, Outcome.WARNING, f"cannot be reached over MQTT: {endpoint.trouble}", hint)


def clock(endpoints: Iterable[Endpoint]) -> Finding:
    """Whether this machine's clock is right, by the clocks of those that answer."""
    known = [each for each in endpoints if each.skew is not None]
    if not known:
        return Finding("clock", "this machine", Outcome.UNKNOWN, "no host has said what time it is", "mend the endpoints first")
    # Most clocks agree; one that is wrong is not ours.
    skews = sorted(each.skew or 0.0 for each in known)
    skew = skews[len(skews) // 2]
    apart, way = abs(skew), "behind" if skew > 0 else "ahead"
    detail = f"{apart:.0f} seconds {way} of Azure's clocks"
    hint = "set this machine's clock, and let it follow a time server (timedatectl set-ntp true)"
    if apart > _TOLERATED:
        return Finding("clock", "this machine", Outcome.FAILED, f"{detail}: five minutes are tolerated", hint)
    if apart > _SUSPECT:
        return Finding("clock", "this machine", Outcome.WARNING, detail, hint)
    return Finding("clock", "this machine", Outcome.OK, f"within {_SUSPECT:.0f} seconds of Azure's clocks")
