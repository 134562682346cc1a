"""What a recording says of the resources that failed: what their provider must have answered."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from dpsops.emulator.documents import JSON
from dpsops.emulator.resource_provider.resources import ResourceId
from tests.conformance.messages import Exchange, Recording


@dataclass(frozen=True, slots=True)
class Failure:
    """A provider's refusal. `key`: the ID of the resource in lower case; empty where the recording does not say which."""

    key: str
    status: int
    body: JSON

    def concerns(self, identifier: ResourceId) -> bool:
        """Whether it is this resource that is refused."""
        return self.key in ("", identifier.key)


def failure_of(recording: Recording, put: Exchange) -> list[Failure]:
    """What failed in the deployment that this PUT began: as its operations tell, or those of its modules, or its error."""
    later = recording.exchanges[put.index + 1 :]
    known = {each.key: each for exchange in later for each in _operations(exchange.response.json())}
    inner = [each for key, each in known.items() if "/microsoft.resources/deployments/" not in key]
    if inner:
        return inner
    for exchange in later:
        if exchange.method == "PUT" and exchange.path == put.path:
            return []
        if exchange.path.startswith(put.path):
            found = [Failure("", *_answered(each)) for each in _details(exchange.response.json())]
            if found:
                return found
    return []


def refused_in_preflight(exchange: Exchange | None) -> JSON | None:
    """The error of the provider that refused before anything was made, if that is how this exchange was answered."""
    body = exchange.response.json() if exchange is not None and exchange.status == 400 else None
    match body:
        case {"error": {"code": "InvalidTemplateDeployment", "details": [{"code": "PreflightValidationCheckFailed", **rest}]}}:
            return {"code": "PreflightValidationCheckFailed"} | {str(key): value for key, value in rest.items()}
        case {"error": {"code": "InvalidTemplateDeployment", "details": [dict(detail), *_]}}:
            return detail
        case _:
            return None


def _operations(body: Any) -> Iterator[Failure]:
    for each in body.get("value", ()) if isinstance(body, dict) else ():
        match each:
            case {
                "properties": {
                    "provisioningState": "Failed",
                    "statusCode": str(code),
                    "statusMessage": dict(message),
                    "targetResource": {"id": str(key)},
                }
            }:
                yield Failure(key.lower(), _status(code), message)


def _details(body: Any) -> list[JSON]:
    match body:
        case {"status": "Failed", "error": {"details": list(details)}}:
            return details
        case {"properties": {"provisioningState": "Failed", "error": {"details": list(details)}}}:
            return details
        case _:
            return []


def _answered(detail: JSON) -> tuple[int, JSON]:
    """Status and body of the answer that a deployment quotes so."""
    try:
        quoted = json.loads(detail["message"])
    except ValueError:
        return 400, {"error": detail}
    return _status(detail["code"]), quoted


def _status(phrase: str) -> int:
    named = {each.phrase.replace(" ", ""): each.value for each in HTTPStatus}
    return named.get(phrase, 400)
