"""The errors and answers of Azure's SDKs as the few kinds of `Error`. No other module knows status codes.

Each message has Azure's innermost reasons, without what is for Azure's support only, and the hint that fits the code of each.
`--verbose` logs them in full.

Every function of `azure/` that sends a request to a service uses `understood`.
"""

from __future__ import annotations

import functools
import inspect
import json
import logging
import re
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, ParamSpec, TypeVar
from urllib.parse import urlsplit

from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    DecodeError,
    HttpResponseError,
    ServiceRequestError,
    ServiceResponseError,
)
from cryptography.exceptions import UnsupportedAlgorithm
from pydantic import ValidationError

from dpsops.azure.error_documents import one_line, read, without_secrets
from dpsops.azure.quoting import of_network, of_sign_in, said
from dpsops.errors import Changed, Denied, Error, Missing, NotAllowed, Throttled, Unavailable, Unreadable
from dpsops.model.failure import Reason, advised, told
from dpsops.model.hints import CONFLICT, hint, is_overtaken, is_policy
from dpsops.model.permissions import Asked, is_denied, is_deny_assignment, is_firewall, missing_role, says_so

_LOG = logging.getLogger("dpsops.reasons")

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")

_OVERTAKEN = (
    "another run, or somebody else, has changed this in the meantime: run the command again, it continues from the new state"
)

_AGAIN = "Azure failed: run the command again, it continues where it stopped"

_NO_HOST = re.compile(
    r"(?:Failed to resolve '|host='(?=.*502 Bad Gateway))"
    r"([\w-]+(?:\.device|\.service)?\.(?:vault\.azure|azure-devices(?:-provisioning)?)\.net)'"
)
"""A vault, a DPS or a hub whose name cannot be resolved, here or by a proxy: DNS has these names only while they exist."""

_OF_ANOTHER_SHAPE = (
    ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, UnsupportedAlgorithm, ValueError,
)  # fmt: skip
"""What the SDKs, and the code here, raise for an answer of another shape: an invalid date, a list instead of an object."""


class understood:  # noqa: N801  # it reads as what it does: `with understood(...)`, and `@understood(...)`
    """Raises what fails inside as an `Error`: in a `with` block, or in a function, which may be asynchronous, or a generator of
    asynchronous results. `service`: the service that answers, for people."""

    def __init__(self, service: str) -> None:
        self._service = service

    def __enter__(self) -> None:
        """Begins."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Raises the `Error` for another exception."""
        if isinstance(error, AzureError):
            raise explain(error, self._service) from error
        if isinstance(error, _OF_ANOTHER_SHAPE):
            raise _unreadable(self._service, error) from error

    def __call__(self, function: Callable[_Arguments, _Result]) -> Callable[_Arguments, _Result]:
        """The function, in such a block."""
        wrapped: Any
        if inspect.iscoroutinefunction(function):
            wrapped = self._work(function)
        elif inspect.isasyncgenfunction(function):
            wrapped = self._results(function)
        else:
            wrapped = self._call(function)
        found: Callable[_Arguments, _Result] = functools.wraps(function)(wrapped)
        return found

    def _call(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            with self:
                return function(*arguments, **options)

        return call

    def _work(self, function: Callable[..., Any]) -> Callable[..., Any]:
        async def work(*arguments: Any, **options: Any) -> Any:
            with self:
                return await function(*arguments, **options)

        return work

    def _results(self, function: Callable[..., Any]) -> Callable[..., Any]:
        async def results(*arguments: Any, **options: Any) -> Any:
            with self:
                async for each in function(*arguments, **options):
                    yield each

        return results


def _unreadable(service: str, error: Exception) -> Unreadable:
    """The error does not quote values, because a token or a key may be among them."""
    match error:
        case ValidationError():
            first = error.errors(include_input=False)[0]
            what = f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
        case AttributeError() | TypeError() if _is_ours(error):
            what = one_line(str(error))
        case _:
            what = type(error).__name__
    return Unreadable(
        f"the answer of {service} cannot be read ({what})",
        "run the command again; if it fails again, check whether a proxy changes the answers: --verbose shows each request",
    )


def _is_ours(error: BaseException) -> bool:
    """Whether code of dpsops has raised an exception."""
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    return place is not None and str(place.tb_frame.f_globals.get("__name__", "")).startswith("dpsops.")


def explain(error: AzureError, service: str = "Azure") -> Error:
    """The `Error` to show for what an SDK raised: Azure's own message and the next thing to do."""
    if isinstance(error, ClientAuthenticationError) and isinstance(error.__cause__, ServiceRequestError | ServiceResponseError):
        error = error.__cause__  # azure-identity reports every failure as a failed authentication
    if isinstance(error.__cause__, Error):  # also the end of a wait
        return error.__cause__
    if isinstance(error, DecodeError):
        return _unreadable(service, error)
    if isinstance(error, HttpResponseError) and error.status_code is not None:
        return _explain_answer(error, error.status_code)
    if isinstance(error, ClientAuthenticationError):
        return NotAllowed(of_sign_in(error), "sign in with 'az login', or set AZURE_TENANT_ID and AZURE_CLIENT_ID in a pipeline")
    message = of_network(error) if isinstance(error, ServiceRequestError | ServiceResponseError) else one_line(error.message)
    if unknown := _NO_HOST.search(message):
        return Unavailable(
            f"there is no host {unknown[1]}",
            "'dpsops status' shows what exists, 'dpsops up' creates what is missing; else check the network and HTTPS_PROXY",
        )
    if isinstance(error, ServiceRequestError | ServiceResponseError):
        return Unavailable(
            f"Azure cannot be reached: {message}",
            "check the names in the settings, the network and HTTPS_PROXY, then run the command again: it continues",
        )
    return Error(message, "run the command again; --verbose shows each request")


def _explain_answer(error: HttpResponseError, status: int) -> Error:
    found = reasons(error)
    for reason in found:
        _LOG.info("%s: %s", reason.code or status, reason.original)
    if status == 403 and all(map(is_overtaken, found)):
        return Changed(told(found), _OVERTAKEN)
    if status in (401, 403) and all(says_so(reason.message) for reason in found):
        return _denied(found, role_missing=True, asked=_asked(error))
    if isinstance(error, ClientAuthenticationError) or status == 401:
        step = "sign in with 'az login', or check the pipeline's federated credential"
        by_role = not isinstance(error, ClientAuthenticationError) and not _is_of_a_vault(error)  # a vault answers 403
        return Denied(told(found), step, role_missing=by_role)
    if any(map(_is_denied, found)) or (status == 403 and not all(map(is_policy, found))):
        return _denied(found, role_missing=_by_role(error, status, found), asked=_asked(error))
    message = told(found)
    if status >= 500:
        return Unavailable(message, advised(found, _hint, _AGAIN), answered=True)
    kind = {404: Missing, 412: Changed, 429: Throttled}.get(status, Error)
    return kind(message, _next_step(error, status, found))


def failed_operation(document: object, opening: str, otherwise: str) -> Error:
    """The `Error` for an operation whose result, answered 200, says that it failed. `opening`: what the reasons are for;
    `otherwise`: the hint if no other fits."""
    found = read(document) or (Reason("", "Azure gave no reason"),)
    for reason in found:
        _LOG.info("%s: %s", reason.code, reason.original)
    if any(map(_is_denied, found)):
        return _denied(found, role_missing=all(map(_is_denied, found)))
    return Error(told(found, opening), advised(found, _hint, otherwise))


def reasons(error: HttpResponseError) -> tuple[Reason, ...]:
    """Azure's reasons for an error, one at least."""
    try:
        document: Any = json.loads(error.response.text()) if error.response is not None else None
    except (LookupError, RecursionError, ValueError):  # another encoding, too deep, or not JSON
        document = None
    if found := read(document):
        return found
    if isinstance(document, dict) and isinstance(document.get("status"), str):
        message = f"the operation ended with the status {document['status']}"
    elif isinstance(error, ClientAuthenticationError):
        message = said(error.message)
    else:
        message = error.message if error.reason else f"Azure answered {error.status_code} without a reason"
    return (Reason("", one_line(message), original=without_secrets(message)),)


def _is_denied(reason: Reason) -> bool:
    return is_denied(reason.code, reason.message)


def _denied(found: Sequence[Reason], *, role_missing: bool, asked: Asked | None = None) -> Denied:
    otherwise = missing_role(found[0].code, found[0].message, asked)
    return Denied(told(found), advised(found, hint, otherwise), role_missing=role_missing)


def _by_role(error: HttpResponseError, status: int, found: Sequence[Reason]) -> bool:
    """Whether a role would give access: only a vault's data plane has a special code for that."""
    if _is_of_a_vault(error):
        return all(reason.code == "ForbiddenByRbac" for reason in found)
    if status != 403:
        return all(map(_is_denied, found))
    return not any(is_firewall(reason.code) or is_deny_assignment(reason.code) or is_policy(reason) for reason in found)


def _is_of_a_vault(error: HttpResponseError) -> bool:
    return _asked(error).host.endswith(".vault.azure.net")


def _asked(error: HttpResponseError) -> Asked:
    request = getattr(error.response, "request", None)
    address = urlsplit(str(getattr(request, "url", "")))
    return Asked(str(getattr(request, "method", "")), address.hostname or "", address.path)


def _next_step(error: HttpResponseError, status: int, found: Sequence[Reason]) -> str:
    if status == 412:
        return "somebody else changed this at the same time: run the command again, it continues from the new state"
    if status == 429:
        after = str(getattr(error.response, "headers", {}).get("Retry-After", ""))
        seconds = after if after.isdecimal() else "a few"
        return f"Azure is throttling: wait {seconds} seconds and run the command again; it continues"
    return advised(found, _hint, CONFLICT if status == 409 else "run 'dpsops plan' to see what is missing")


def _hint(reason: Reason) -> str:
    return hint(reason) or (CONFLICT if "conflict" in reason.code.lower() else "")
