"""Answers that are spoilt on their way: what proxies, firewalls, broken servers and somebody else's host make of one."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from dpsops.emulator.azure import Azure
from dpsops.emulator.http import Request, Response
from tests.github import Plain

THIEF = "thief.example.com"
"""A host that is not Azure's. It must be sent nothing at all."""

DEEP = 10_000


Spoil = Callable[[Response, Mapping[str, str], Random], Response]
"""Makes another answer of an answer and its headers."""


def _body(content: bytes | Callable[[bytes], bytes], media_type: str = "", **more: str) -> Spoil:
    def spoil(answer: Response, fields: Mapping[str, str], chance: Random) -> Response:
        headers = {name: value for name, value in fields.items() if not (media_type and name == "Content-Type")}
        headers |= {"Content-Type": media_type} if media_type else {}
        headers |= {name.replace("_", "-"): value for name, value in more.items()}
        raw = content if isinstance(content, bytes) else content(answer.content())
        return Plain(answer.status, headers=headers, raw=raw)

    return spoil


def _status(status: int, content: bytes = b"", **headers: str) -> Spoil:
    def spoil(answer: Response, fields: Mapping[str, str], chance: Random) -> Response:
        added = {name.replace("_", "-"): value for name, value in headers.items()}
        return Plain(status, headers={**fields, **added}, raw=content)

    return spoil


def _cut(answer: Response, fields: Mapping[str, str], chance: Random) -> Response:
    whole = answer.content()
    return Plain(answer.status, headers=fields, raw=whole[: chance.randrange(len(whole) or 1)])


def _flipped(answer: Response, fields: Mapping[str, str], chance: Random) -> Response:
    changed = bytearray(answer.content() or b"{}")
    for _ in range(1 + len(changed) // 200):
        changed[chance.randrange(len(changed))] = chance.randrange(256)
    return Plain(answer.status, headers=fields, raw=bytes(changed))


def _scattered(value: Any) -> Spoil:
    """Puts the value in the place of a third of the others, from the leaves up."""

    def spoil(answer: Response, fields: Mapping[str, str], chance: Random) -> Response:
        def scatter(document: Any) -> Any:
            if isinstance(document, dict):
                document = {name: scatter(each) for name, each in document.items() if chance.random() > 0.1}
            elif isinstance(document, list):
                document = [scatter(each) for each in document]
            return value if chance.random() < 0.15 else document

        content = answer.content()
        document = scatter(json.loads(content)) if content else value
        return Plain(answer.status, headers=fields, raw=json.dumps(document).encode())

    return spoil


def _with(**members: Any) -> Spoil:
    """Adds members to the document."""

    def spoil(answer: Response, fields: Mapping[str, str], chance: Random) -> Response:
        content = answer.content()
        document = json.loads(content) if content else {}
        document = {**document, **members} if isinstance(document, dict) else document
        headers = {"Content-Type": "application/json", **fields}
        return Plain(answer.status, headers=headers, raw=json.dumps(document).encode())

    return spoil


_HTML = b"<!doctype html><html><head><title>Sign in</title></head><body>Your company's proxy</body></html>"
_FOREIGN = f"https://{THIEF}/subscriptions/s?api-version=2024-01-01"
_PAGE = json.dumps({"value": [], "nextLink": None}).encode()
_CHALLENGE = f'Bearer authorization="https://{THIEF}/tenant", resource="https://{THIEF}"'

SPOILS: dict[str, Spoil] = {
    "cut": _cut,
    "flipped": _flipped,
    "empty": _body(b""),
    "html": _body(_HTML, "text/html"),
    "html called json": _body(_HTML, "application/json"),
    "text": _body(b"OK", "text/plain"),
    "xml": _body(b"<?xml version='1.0'?><!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>", "application/xml"),
    "xml cut": _body(b"<x><y>", "text/xml"),
    "null": _body(b"null"),
    "list": _body(b"[]"),
    "list of null": _body(b'{"value": [null, 7, {}]}'),
    "word": _body(b'"x"'),
    "not a number": _body(b'{"value": NaN, "expires_in": Infinity, "properties": -Infinity}'),
    "endless number": _body(b'{"value": 1e999, "properties": ' + b"9" * 5000 + b"}"),
    "deep list": _body(b"[" * DEEP + b"]" * DEEP),
    "deep objects": _body(b'{"error":' * DEEP + b"1" + b"}" * DEEP),
    "deep member": _body(b'{"value":' + b'[{"properties":' * DEEP + b"1" + b"}]" * DEEP + b"}"),
    "surrogates": _body(b'{"value": "\\ud800", "id": "\\ud800", "error": {"code": "\\ud800", "message": "\\udfff"}}'),
    "controls": _body(b'{"error": {"code": "\\u001b[2J", "message": "\\u0000\\u001b]0;x\\u0007\\r\\nroot"}}'),
    "not UTF-8": _body(b'{"value": "\xff\xfe"}'),
    "UTF-16": _body(lambda whole: whole.decode().encode("utf-16"), "application/json; charset=utf-16"),
    "UTF-16 unsaid": _body(lambda whole: whole.decode().encode("utf-16")),
    "no such charset": _body(lambda whole: whole, "application/json; charset=x-none"),
    "charset that is no text": _body(lambda whole: whole, "application/json; charset=base64"),
    "charset idna": _body(lambda whole: whole, "application/json; charset=idna"),
    "media type of nothing": _body(lambda whole: whole, ";;;="),
    "octets": _body(lambda whole: whole, "application/octet-stream"),
    "gzip that is none": _body(lambda whole: whole, Content_Encoding="gzip"),
    "gzip cut": _body(lambda whole: gzip.compress(whole, mtime=0)[:-9], Content_Encoding="gzip"),
    "gzip": _body(lambda whole: gzip.compress(whole, mtime=0), Content_Encoding="gzip"),
    "encoding nobody knows": _body(lambda whole: whole, Content_Encoding="snappy"),
    "mark": _body(lambda whole: b"\xef\xbb\xbf" + whole),
    "twice": _body(lambda whole: whole + whole),
    "null members": _scattered(None),
    "number members": _scattered(-1),
    "text members": _scattered("\N{SNOWMAN}"),
    "list members": _scattered([[]]),
    "object members": _scattered({"value": {}}),
    "true members": _scattered(True),
    "great members": _scattered(10**400),
    "next page elsewhere": _with(nextLink=_FOREIGN, next_link=_FOREIGN),
    "next page over http": _with(nextLink=f"http://{THIEF}/x"),
    "next page of nobody": _with(nextLink="//"),
    "next page with a port": _with(nextLink="https://management.azure.com:99999/x"),
    "next page in a bracket": _with(nextLink="https://[::1/x"),
    "next page a user": _with(nextLink=f"https://management.azure.com@{THIEF}/x"),
    "next page a number": _with(nextLink=7),
    "next page of itself": _with(nextLink="/"),
    "operation failed": _with(status="Failed", properties={"provisioningState": "Failed"}, error=None),
    "operation running": _with(status="Running", properties={"provisioningState": "Running"}),
    "operation of a state of nobody": _with(status="\N{SNOWMAN}", properties={"provisioningState": {}}),
    "nothing": _status(204),
    "created": _status(201, b"{}"),
    "accepted": _status(202, b"{}"),
    "operation accepted elsewhere": _status(202, b"", Location=_FOREIGN),
    "operation elsewhere": _status(202, b"{}", Azure_AsyncOperation=_FOREIGN),
    "operation created elsewhere": _status(201, b"{}", Azure_AsyncOperation=_FOREIGN),
    "operation location elsewhere": _status(202, b"{}", Operation_Location=_FOREIGN),
    "operation over http": _status(202, b"{}", Azure_AsyncOperation=f"http://{THIEF}/x"),
    "operation without scheme": _status(202, b"{}", Azure_AsyncOperation=f"//{THIEF}/x"),
    "operation of nobody": _status(202, b"{}", Location="\x01"),
    "operation in a bracket": _status(202, b"{}", Azure_AsyncOperation="https://[::1/x"),
    "operation with a port": _status(202, b"{}", Location="https://management.azure.com:99999/x"),
    "operation long": _status(202, b"{}", Location="https://management.azure.com/" + "x" * 20_000),
    "moved": _status(301, b"", Location=_FOREIGN),
    "found": _status(302, _HTML, Location=_FOREIGN),
    "found over http": _status(302, b"", Location=f"http://{THIEF}/x"),
    "see other": _status(303, b"", Location=_FOREIGN),
    "moved with all": _status(307, b"", Location=_FOREIGN),
    "moved for good with all": _status(308, b"", Location=f"https://{THIEF}/"),
    "moved nowhere": _status(302),
    "moved in a circle": _status(307, b"", Location="/"),
    "moved in a bracket": _status(308, b"", Location="https://[::1/x"),
    "challenged": _status(401, b"{}", WWW_Authenticate=_CHALLENGE),
    "challenged with claims": _status(401, b"{}", WWW_Authenticate='Bearer claims="!", error="insufficient_claims"'),
    "challenged with odd claims": _status(401, b"{}", WWW_Authenticate='Bearer claims="/w==", error="insufficient_claims"'),
    "challenged with nothing": _status(401, b"", WWW_Authenticate=""),
    "challenged with a list": _status(401, b"[]", WWW_Authenticate="Bearer =, ,,"),
    "denied by a page": _status(403, _HTML, Content_Type="text/html"),
    "no proxy sign-in": _status(407, _HTML, Proxy_Authenticate="Basic"),
    "throttled for ever": _status(429, b"", Retry_After="1e9"),
    "throttled before": _status(429, b"", Retry_After="-5"),
    "throttled for nan": _status(429, b"", Retry_After="nan"),
    "throttled for inf": _status(429, b"", Retry_After="inf"),
    "throttled for long digits": _status(429, b"", Retry_After="9" * 5000),
    "throttled soon": _status(429, b"", Retry_After="soon"),
    "throttled until a date": _status(429, b"", Retry_After="Wed, 21 Oct 2099 07:28:00 GMT"),
    "throttled until no date": _status(429, b"", Retry_After="Wed, 99 Oct 9999 99:99:99 GMT"),
    "throttled for arabic digits": _status(429, b"", Retry_After="\u0663"),
    "throttled in ms": _status(429, b"", retry_after_ms="nan", x_ms_retry_after_ms="inf"),
    "failed for ever": _status(503, _HTML, Retry_After="inf"),
    "failed for nan": _status(503, b"", Retry_After="nan"),
    "operation for ever": _status(202, b"{}", Retry_After="9" * 400),
    "operation for nan": _status(202, b"{}", Retry_After="nan", Location="https://management.azure.com/x"),
    "status of nobody": _status(299, b"{}"),
    "a teapot": _status(418, b"teapot"),
    "status 599": _status(599, b"{}"),
    "not changed": _status(304),
    "sign-in elsewhere": _with(token_endpoint=_FOREIGN, authorization_endpoint=_FOREIGN, jwks_uri=_FOREIGN),
    "sign-in with an issuer elsewhere": _with(issuer=_FOREIGN, token_endpoint=_FOREIGN, metadata=[{"aliases": [THIEF]}]),
    "sign-in at once over": _with(expires_in=-1),
    "sign-in for ever": _with(expires_in=10**400),
    "sign-in with a token of nobody": _with(access_token="\N{SNOWMAN}\r\nX: y"),
    "sign-in with a token of no text": _with(access_token={"a": 1}),
    "sign-in with a long token": _with(access_token="x" * 200_000),
    "sign-in with a word": _body(b'"x"'),
    "sign-in refused": _status(400, b'{"error": "invalid_client", "error_description": null}'),
    "sign-in refused with a list": _status(400, b'[{"error": 1}]'),
    "no date": _body(lambda whole: whole, Date="yesterday"),
    "date in year 0": _body(lambda whole: whole, Date="Mon, 01 Jan 0000 00:00:00 GMT"),
    "an etag of nobody": _body(lambda whole: whole, ETag='W/"\xff'),
    "the same page for ever": _body(lambda whole: whole, x_ms_continuation="again"),
}


@dataclass(slots=True)
class Spoiler:
    """Between the embedded Azure and its clients: counts the answers, spoils the one with this number, and those after it if
    `lasting`, and keeps what was sent to others than Azure."""

    number: int = -1
    spoil: Spoil = SPOILS["empty"]
    chance: Random = field(default_factory=Random)
    lasting: bool = False
    requests: list[Request] = field(default_factory=list)
    kinds: list[frozenset[str]] = field(default_factory=list)
    stolen: list[Request] = field(default_factory=list)

    def begin(self) -> None:
        """Forgets the last command."""
        for each in (self.requests, self.kinds, self.stolen):
            each.clear()

    @property
    def last(self) -> str:
        """The request whose answer was spoilt, or the last one."""
        if not self.requests:
            return "nothing"
        request = self.requests[min(self.number, len(self.requests) - 1)]
        return f"{request.method} {request.host}{request.path}"

    @property
    def handler(self) -> Callable[[Azure, Request], Response]:
        """Replaces `Azure.handle`."""

        def handle(azure: Azure, request: Request) -> Response:
            if request.host == THIEF:
                self.stolen.append(request)
                return Plain(200, headers={"Content-Type": "application/json"}, raw=_PAGE)
            response = _handle(azure, request)
            number = len(self.requests)
            self.requests.append(request)
            self.kinds.append(_kinds(request, response))
            if number != self.number and not (self.lasting and number > self.number >= 0):
                return response
            return self.spoil(response, response.fields(azure.clock.now()), self.chance)

        return handle

    @property
    def resolver(self) -> Callable[[Azure, str], bool]:
        """Replaces `Azure.resolves`: the other host is there too."""
        return lambda azure, host: host == THIEF or _resolves(azure, host)


PAGE, OPERATION, SIGN_IN = "next page", "operation", "sign-in"
"""How the spoilt answers begin that matter to a page of a list, to what begins an operation or tells how far one is, and to those
of Entra ID."""


def _kinds(request: Request, response: Response) -> frozenset[str]:
    found = set[str]()
    if isinstance(response.body, dict) and isinstance(response.body.get("value"), list):
        found.add(PAGE)
    if response.status in (201, 202) or "operation" in request.path.lower():
        found.add(OPERATION)
    if request.host == "login.microsoftonline.com":
        found.add(SIGN_IN)
    return frozenset(found)


_handle, _resolves = Azure.handle, Azure.resolves
