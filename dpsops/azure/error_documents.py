"""Reads the error documents of Azure, in any of their shapes, into reasons: data inside data, or text inside text.

Source: recordings of failed deployments, what-ifs and single requests, 2014 to 2024, and error bodies that people quote. A
deployment quotes a provider's error as JSON in a message, two levels deep if it is nested (to 2022), or has it as data (2024).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from dpsops.model.failure import Policy, Reason

_DEEPEST = 24
"""Levels of an error document that are read. Six are recorded."""

_WRAPPERS = frozenset(
    {
        "DeploymentFailed", "InvalidTemplateDeployment", "MultipleErrorsOccurred", "PreflightValidationCheckFailed",
        "ResourceDeploymentFailure",
    }
)  # fmt: skip
"""Codes that only say that something inside failed."""

_SECRETS = (
    (re.compile(r"eyJ[\w-]{8,}(\.[\w-]*)*"), "(a token)"),  # a JSON Web Token begins with `{"` in base64url (RFC 7515, 3.1)
    (re.compile(r"(?i)\b((?:Shared)?(?:Access|Account)(?:Key|Signature)\s*=\s*)[^\s;,'\"\\]+"), r"\1(a key)"),
    (re.compile(r"(?i)((?:primary|secondary|shared|account|access)_?key\\?\"\s*:\s*\\?\")[^\"\\]+"), r"\1(a key)"),
    (re.compile(r"(?i)([?&\s]sig=)[^\s&'\"\\]+"), r"\1(a key)"),
)
_SIGN_IN_CODE = re.compile(r"\bAADSTS\d+")
_DEVICES_CODE = re.compile(r"errorcode: IH(\d{6})")
_FOR_SUPPORT = re.compile(r"\s*If you contact a support representative please include .*?(?:errorcode: IH(\d+)\.?|$)", re.DOTALL)
_TRACKING = re.compile(r"\s*The tracking id is '[^']*'\.")
_IDENTIFIERS = re.compile(r"\s*Policy identifiers: '")
_SEE_IDENTIFIERS = re.compile(r"\s*See error details for policy resource IDs\.")
_JOINED = re.compile(
    r"(?:The template deployment failed with error|Deployment failed with multiple errors): '(.*)'\.?", re.DOTALL
)
_JOINT = re.compile(r"(?<=\.):(?=Authorization failed)")


def read(document: object) -> tuple[Reason, ...]:
    """The innermost reasons of an error document, each once, in their order. Empty if it has no message."""
    found: dict[str, Reason] = {}
    for reason in _leaves(document, "", "", _DEEPEST):
        found.setdefault(reason.message, reason)
    telling = tuple(reason for reason in found.values() if reason.code not in _WRAPPERS)
    return telling or tuple(found.values())


def without_secrets(text: str) -> str:
    """The text without tokens, keys and signatures."""
    for secret, instead in _SECRETS:
        text = secret.sub(instead, text)
    return text


def one_line(message: str, code: str = "") -> str:
    """The first line, and the first with a code of Entra ID (AADSTS...), which alone says why nobody is signed in; of a vault's
    403 all lines, because they name the action and the scope. Secrets are removed."""
    text = without_secrets(message.strip())
    if code.startswith("Forbidden"):
        return " ".join(text.split())
    lines = text.splitlines() or ["Azure gave no reason"]
    coded = next((line for line in lines if _SIGN_IN_CODE.search(line)), lines[0])
    return lines[0].strip() if coded is lines[0] else f"{lines[0].strip()} {coded.strip()}"


def _leaves(node: object, code: str, target: str, depth: int) -> Iterator[Reason]:
    """The reasons inside a node; the node itself if there are none. `code` and `target` are those of what surrounds it."""
    if not isinstance(node, Mapping) or depth == 0:
        return
    members = _members(node)
    wrapped = members.get("error") or _members(members.get("properties")).get("error")
    if isinstance(wrapped, str):  # Entra ID: {"error": "invalid_client", "error_description": "AADSTS..."}
        yield _reason(wrapped, _text(members.get("error_description")) or wrapped, "", ())
        return
    if isinstance(wrapped, Mapping):
        yield from _leaves(wrapped, code, target, depth - 1)
        return
    inner = _members(members.get("innererror"))
    code = _text(inner.get("code")) or _text(members.get("code")) or _text(members.get("errorcode")) or code
    target = _text(members.get("target")) or target
    message = _text(members.get("message"))
    inside = [
        reason for each in [*_list(members.get("details")), _quoted(message)] for reason in _leaves(each, code, target, depth - 1)
    ]
    if inside:
        yield from inside
    elif message.strip():
        for part in _parts(message):
            yield _reason(code, part, target, tuple(_policies(members, message)))


def _reason(code: str, message: str, target: str, policies: tuple[Policy, ...]) -> Reason:
    if of_devices := _DEVICES_CODE.search(message):
        code = of_devices[1]  # it may be inside a `BadRequest`
    shown = _without_identifiers(message)
    shown = _FOR_SUPPORT.sub(lambda found: f" (IH{found[1]})" if found[1] else "", shown)
    shown = _SEE_IDENTIFIERS.sub("", _TRACKING.sub("", shown))
    original = " ".join(without_secrets(message).split())
    return Reason(without_secrets(code), one_line(shown, code), without_secrets(target), policies, original)


def _parts(message: str) -> list[str]:
    """The refusals that a deployment's preflight joins in one message, with a colon between them."""
    joined = _JOINED.fullmatch(message.strip())
    return _JOINT.split(joined[1]) if joined else [message]


def _quoted(message: str) -> object:
    """The error that a message quotes as JSON, or None."""
    if not message.lstrip().startswith("{"):
        return None
    try:
        return json.loads(message)
    except (RecursionError, ValueError):
        return None


def _policies(members: Mapping[str, Any], message: str) -> Iterable[Policy]:
    """The policies that an error names: in `additionalInfo`, in `innererror` (2018), else in the message."""
    infos = [_members(each) for each in _list(members.get("additionalinfo"))]
    found = [_members(each.get("info")) for each in infos if each.get("type") == "PolicyViolation"]
    found = found or [_members(each) for each in _list(_members(members.get("innererror")).get("policyinfo"))]
    found = found or [_flat(each) for each in _list(_identifiers(message))]
    return dict.fromkeys(policy for policy in map(_policy, found) if policy.name)


def _policy(info: Mapping[str, Any]) -> Policy:
    names = ("assignmentdisplayname", "definitiondisplayname", "assignmentname", "definitionname")
    assignment, definition = (_text(info.get(f"policy{each}id")) for each in ("assignment", "definition"))
    name = next((text for each in names if (text := _text(info.get(f"policy{each}")))), "")
    judged = map(_members, _list(_members(info.get("evaluationdetails")).get("evaluatedexpressions")))
    fields = dict.fromkeys(_text(each.get("path")) for each in judged if each.get("expressionkind") == "Field")
    return Policy(
        one_line(name or (assignment or definition).rpartition("/")[2]) if name or assignment or definition else "",
        without_secrets(assignment),
        tuple(without_secrets(each) for each in fields if each not in ("", "type")),
    )


def _flat(identifiers: object) -> dict[str, Any]:
    """`{"policyAssignment": {"name", "id"}}` as `{"policyassignmentdisplayname", "policyassignmentid"}`."""
    members = _members(identifiers)
    flat = members.copy()
    for each in ("policyassignment", "policydefinition"):
        inner = _members(members.get(each))
        flat |= {f"{each}displayname": inner.get("name"), f"{each}id": inner.get("id")} if inner else {}
    return flat


def _identifiers(message: str) -> object:
    found = _IDENTIFIERS.search(message)
    try:
        return json.JSONDecoder().raw_decode(message[found.end() :])[0] if found else None
    except (RecursionError, ValueError):
        return None


def _without_identifiers(message: str) -> str:
    found = _IDENTIFIERS.search(message)
    return message[: found.start()] if found else message


def _members(node: object) -> dict[str, Any]:
    """The members of an object, by their names in lower case; none of anything else."""
    return {str(name).lower(): each for name, each in node.items() if each is not None} if isinstance(node, Mapping) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: object) -> str:
    """A string, or a number as one; empty for anything else."""
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
