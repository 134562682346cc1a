"""What others than the recorded client did, before a recording began or meanwhile: what its answers show, and no request asks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from dpsops.emulator.identity.state import TENANT
from dpsops.emulator.principal import Principal
from tests.conformance.messages import MANAGEMENT, Exchange, Recording

JSON = dict[str, Any]

GROUP = re.compile(r"/subscriptions/[^/]+/resourcegroups/[^/]+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Bystanders:
    """The others of one recording."""

    recording: Recording

    def arrivals(self, exchange: Exchange) -> Iterator[Principal]:
        """The principal whom this exchange assigns a role to, and whom an earlier one found too new."""
        if exchange.status == 201:
            yield from (Principal(each, each, TENANT) for each in assigned(exchange) & self._too_new())

    def meddling(self, exchange: Exchange) -> Iterator[tuple[str, str, JSON]]:
        """What somebody else did before this exchange: tags that a policy adds to a group, which no request ever names."""
        answer = exchange.response.json()
        group = GROUP.match(exchange.path)
        if group and b'"ResourceGroupBeingDeleted"' in compact(exchange):
            earlier = self.recording.exchanges[: exchange.index]
            if not any(each.method == "DELETE" and each.path.rstrip("/") == group[0] for each in earlier):
                yield "DELETE", management(group[0], "2021-04-01"), {}
        for identifier in self._gone(exchange):
            yield "DELETE", management(identifier, "2020-01-01"), {}
        if exchange.method == "GET" and exchange.status == 200 and GROUP.fullmatch(exchange.path.rstrip("/")):
            tags = answer.get("tags") or {} if answer["properties"]["provisioningState"] == "Succeeded" else {}
            sent = b"".join(each.request.body for each in self.recording.exchanges)
            if any(f'"{name}"'.encode() not in sent for name in tags):
                yield "PATCH", management(exchange.path.rstrip("/"), "2021-04-01"), {"tags": tags}

    def _gone(self, exchange: Exchange) -> set[str]:
        """What the last list at the same address had, and this one has not, though no request deletes anything in between."""
        if exchange.method != "GET" or not exchange.path.endswith("/resources"):
            return set()
        for earlier in reversed(self.recording.exchanges[: exchange.index]):
            if earlier.method not in ("GET", "HEAD"):
                return set()
            if earlier.url == exchange.url:
                return _listed(earlier) - _listed(exchange)
        return set()

    def principals(self) -> set[str]:
        """The service principals that roles are assigned to, and that are there from the start."""
        found: set[str] = set()
        for exchange in self.recording.exchanges:
            if exchange.status == 201:
                found |= assigned(exchange)
        return found - self._too_new()

    def _too_new(self) -> set[str]:
        """Those that were not in the directory at first."""
        refused = (each for each in self.recording.exchanges if b'"PrincipalNotFound"' in compact(each))
        sent = (each.request.json() for each in refused)
        return {body["properties"]["principalId"] for body in sent if isinstance(body, dict)}

    def locked(self) -> Iterator[str]:
        """The scopes that somebody else had locked: a refusal names them, and no request locks them."""
        made = {each.path.lower().partition("/providers/microsoft.authorization/locks/")[0] for each in self.recording.exchanges}
        for exchange in self.recording.exchanges:
            named = re.search(r"following scope\(s\) are locked: '([^']+)'", exchange.response.body.decode(errors="replace"))
            if named and named[1].lower() not in made:
                yield named[1]

    def unregistered(self) -> Iterator[str]:
        """The paths of the providers that were unregistered before the recording began."""
        seen: set[str] = set()
        for exchange in self.recording.exchanges:
            match exchange.response.json():
                case {"registrationState": str(state), "id": str(identifier)} if identifier not in seen:
                    seen.add(identifier)
                    if state == "Unregistered":
                        yield identifier


def _listed(exchange: Exchange) -> set[str]:
    match exchange.response.json():
        case {"value": list(found)}:
            return {str(each["id"]) for each in found}
    return set()


def assigned(exchange: Exchange) -> set[str]:
    """The service principals that this exchange assigns a role to."""
    if exchange.method != "PUT" or "/roleassignments/" not in exchange.path.lower():
        return set()
    match exchange.response.json():
        case {"properties": {"principalId": str(principal), **rest}} if rest.get("principalType", "ServicePrincipal") in (
            "ServicePrincipal",
        ):
            return {principal}
    return set()


def compact(exchange: Exchange) -> bytes:
    """The answer without blanks."""
    return exchange.response.body.replace(b" ", b"")


def management(path: str, api_version: str) -> str:
    """A URL of Resource Manager."""
    return f"https://{MANAGEMENT}{path}?api-version={api_version}"
