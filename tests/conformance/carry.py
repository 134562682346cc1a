"""Carrying what Azure made up from one answer into later requests: etags, versions, operations, pages, keys, backups.

The recording says what the real Azure answered and what the client then sent; the embedded Azure answers
something else in the same places, and the client of the replay must send that.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote, urlsplit

MASKS = frozenset({"mock_key", "REDACTED", "Sanitized", "certificate", "thumbprint", "****", "{KEY}", "2001-02-03T04:05:06Z"})
"""What recorders put in the place of secrets, and one of them in that of times.

It stands for many values, so that none can be carried under it."""

SOME_KEY = base64.b64encode(bytes(range(32))).decode()
_RESOURCE = re.compile(r"/(?:IotHubs|provisioningServices)/([^/]+)", re.IGNORECASE)
_MASKED_KEY = re.compile(r"HostName=([^.;]+)\.[^;]*;SharedAccessKeyName=([^;]+);SharedAccessKey=(mock_key|REDACTED)")
_IDENTITIES = {"tenantId", "objectId", "subscriptionid"}
"""The caller is always the same. Recorders mask these with IDs that stand for other things, too."""

_LINKS = ("azure-asyncoperation", "location")


@dataclass(slots=True)
class Carrier:
    """What the embedded Azure answered where the recording has something else."""

    _texts: dict[str, str] = field(default_factory=dict)
    _links: dict[object, str] = field(default_factory=dict)
    _etags: dict[str, dict[str, str]] = field(default_factory=dict)
    _operation: str = ""
    _keys: dict[tuple[str, str, str], str] = field(default_factory=dict)

    def learn(self, recorded: Any, got: Any) -> None:
        """Two bodies of the same operation, or two values in the same place of them."""
        match recorded, got:
            case dict(), dict():
                if isinstance(recorded.get("etag"), str) and isinstance(got.get("etag"), str):
                    self._etags.setdefault(identity(recorded), {})[recorded["etag"]] = got["etag"]
                for key in recorded.keys() & got.keys() - _IDENTITIES:
                    self.learn(recorded[key], got[key])
            case list(), list():
                for one, other in self.pairs(recorded, got):
                    self.learn(one, other)
            case str(), str() if recorded != got and recorded not in MASKS and len(recorded) >= 8:
                self._texts[recorded] = got
                if "/" in recorded:
                    self._learn_path(recorded, got)

    def pairs(self, recorded: list[Any], got: list[Any]) -> Iterator[tuple[Any, Any]]:
        """Which element is which: by ID where that is known, else in order.

        Nobody can foresee the order of versions, nor then on which page one comes: it may be missing here.
        """
        left = dict(enumerate(got))
        places: dict[str, list[int]] = {}
        for index, element in left.items():
            if identity(element):
                places.setdefault(identity(element), []).append(index)
        unknown = []
        for element in recorded:
            now = self.text(identity(element)).lower()
            if places.get(now):
                yield element, left.pop(places[now].pop(0))
            elif now == identity(element):
                unknown.append(element)
        yield from zip(unknown, left.values(), strict=False)

    def etags(self, recorded: str) -> Mapping[str, str]:
        """The recorded etags of what has this ID, and those that stood in their place."""
        return self._etags.get(recorded, {})

    def learn_links(self, recorded: Mapping[str, str], got: Mapping[str, str]) -> None:
        """The headers (names in lower case) that a client is sent on to."""
        for name in _LINKS:
            if name in recorded and name in got:
                self._links[address(recorded[name])] = got[name]
        self._operation = next((got[name] for name in _LINKS if name in got), self._operation)

    def learn_keys(self, path: str, body: Any) -> None:
        """The shared access keys in an answer, which recordings mask."""
        resource = _RESOURCE.search(path)
        for policy in _policies(body) if resource else ():
            for name in ("primaryKey", "secondaryKey"):
                if isinstance(policy.get(name), str):
                    self._keys[(resource[1].lower(), policy["keyName"], name)] = policy[name]  # type: ignore[index]

    def url(self, recorded: str) -> str:
        """The URL to request: a link as it was given, another with the IDs that are current now."""
        link = self._links.get(address(recorded)) or self._texts.get(recorded)
        if link:
            return link
        parts = urlsplit(recorded)
        if "operationresults" in parts.path.lower() and self._operation:
            return self._operation
        path = "/".join(quote(self._texts.get(segment, segment), safe="=") for segment in unquote(parts.path).split("/"))
        return parts._replace(path=path).geturl()

    def text(self, recorded: str) -> str:
        """A string as it is now; a path or a URL by its segments."""
        if recorded in self._texts:
            return self._texts[recorded]
        if "/" in recorded:
            return "/".join(self._texts.get(segment, segment) for segment in recorded.split("/"))
        return recorded

    def header(self, recorded: str) -> str:
        """A header's value; an etag may be quoted."""
        bare = recorded.strip('"')
        return recorded.replace(bare, self._texts.get(bare, bare)) if bare else recorded

    def body(self, path: str, recorded: Any) -> Any:
        """A request's body, masked keys replaced by those of the resource, or by some key where it has none yet."""
        match recorded:
            case {"keyName": str(policy), **rest}:
                resource = _RESOURCE.search(path)
                masked = [str(name) for name, value in rest.items() if value in ("mock_key", "REDACTED")]
                return recorded | {name: self._key(resource[1] if resource else "", policy, name) for name in masked}
            case dict():
                return {key: self.body(path, value) for key, value in recorded.items()}
            case list():
                return [self.body(path, value) for value in recorded]
            case str():
                return _MASKED_KEY.sub(self._connect, self.text(recorded))
            case _:
                return recorded

    def _connect(self, found: re.Match[str]) -> str:
        return found[0].removesuffix(found[3]) + self._key(found[1], found[2], "primaryKey")

    def _key(self, resource: str, policy: str, name: str) -> str:
        return self._keys.get((resource.lower(), policy, name), SOME_KEY)

    def _learn_path(self, recorded: str, got: str) -> None:
        here, there = recorded.split("/"), got.split("/")
        if len(here) == len(there):
            for one, other in zip(here, there, strict=True):
                if one != other and re.fullmatch(r"[0-9a-fA-F-]{32,36}", one):
                    self._texts[one] = other
        if recorded.startswith("https://") and "?" in recorded:
            self._links[address(recorded)] = got


def identity(element: Any) -> str:
    """The ID of an element of a list, in lower case; the empty string where it has none."""
    match element:
        case {"operationId": str(), "properties": {"provisioningOperation": str(operation), **rest}}:
            target = rest.get("targetResource")  # its own ID is chance
            return str(target["id"]).lower() if isinstance(target, dict) else operation.lower()
    found = element.get("id") or element.get("kid") if isinstance(element, dict) else None
    return found.lower() if isinstance(found, str) else ""


def _policies(body: Any) -> Iterator[dict[str, Any]]:
    match body:
        case {"keyName": str()}:
            yield body
        case dict():
            for value in body.values():
                yield from _policies(value)
        case list():
            for value in body:
                yield from _policies(value)


def address(url: str) -> object:
    """A URL as it is the same however it was encoded, and whether or not it names the port."""
    parts = urlsplit(url)
    return parts.hostname, unquote(parts.path), frozenset(unquote(part) for part in parts.query.split("&"))
