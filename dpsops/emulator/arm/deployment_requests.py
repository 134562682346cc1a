"""What a request about a deployment says: which one, and what is to be deployed."""

from __future__ import annotations

import json

from dpsops.emulator.arm import deployment_records
from dpsops.emulator.arm.scopes import identify
from dpsops.emulator.arm.template import json_text
from dpsops.emulator.documents import JSON
from dpsops.emulator.http import Request, whole_number
from dpsops.emulator.resource_provider.errors import refusal
from dpsops.emulator.world import World


def require(world: World, where: dict[str, str], name: str) -> JSON:
    """The record of a deployment. Refuses where there is none."""
    record = deployment_records.find(world, identify(world, where, name))
    if record is None:
        raise refusal(404, "DeploymentNotFound", f"Deployment '{name}' could not be found.")
    return record


def read_body(request: Request, *, rewritten: bool = False) -> JSON:
    """The body. A template in it may be written as template files are, with comments and bare names.

    `rewritten`: places in it are those that it has when written anew without spaces (recorded for what-if, 2020).
    """
    try:
        body = json_text.parse(request.body.decode()) if request.body.strip() else {}
        if rewritten:
            body = json_text.parse(json.dumps(body, separators=(",", ":"), ensure_ascii=False))
    except ValueError as invalid:
        message = f"The request content was invalid and could not be deserialized: '{invalid}'."
        raise refusal(400, "InvalidRequestContent", message) from invalid
    if not isinstance(body, dict):
        raise refusal(400, "InvalidRequestContent", "The request content was invalid and could not be deserialized.")
    return body


def read_top(request: Request) -> int | None:
    """How many are asked for at most; None for all."""
    text = request.query.get("$top", "")
    top = whole_number(text)
    if text and top is None:
        raise refusal(400, "InvalidTopInQueryString", f"Invalid $top '{text}' specified in the query string.")
    return top
