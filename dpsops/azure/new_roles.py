"""Waiting for roles that have just been assigned: each takes effect by itself, after minutes, and in any order.

Source: Azure RBAC, "Troubleshoot: role assignment changes are not being detected": it takes up to ten minutes, in some cases
more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from azure.core.exceptions import HttpResponseError
from azure.core.pipeline import PipelineRequest, PipelineResponse
from azure.core.pipeline.policies import HTTPPolicy

from dpsops.azure.errors import explain
from dpsops.azure.role_assignments import RoleAssignment
from dpsops.errors import Denied

_PAUSE_SECONDS = 10.0
_NEW = timedelta(minutes=15)
_DENIALS = (401, 403)


class NewRoles:
    """What one invocation knows of roles that may not have taken effect yet.

    assigned: reads the role assignments of the identity; raises nothing. say: shows to people what is waited for. seconds: how
    long an invocation waits, in all.
    """

    def __init__(self, assigned: Callable[[], Sequence[RoleAssignment]], say: Callable[[str], None], seconds: float) -> None:
        self._read = assigned
        self._say = say
        self._assigned: Sequence[RoleAssignment] | None = None
        self._waits = True
        self._seconds_left = seconds

    def expect(self, *, wait: bool) -> None:
        """Whether to wait for roles from now on: not while the roles are still to be assigned. They are read again."""
        self._assigned, self._waits = None, wait

    def pause(self, service: str, resource: str, now: datetime | None) -> float:
        """How many seconds to wait before a denied request is sent again; none if it is not to be sent again.

        service: for people. resource: the ID of what denied it. now: the time of the denial, as Azure says it.
        """
        if not self._waits or self._seconds_left <= 0 or now is None:
            return 0.0
        if self._assigned is None:
            self._assigned = self._read()
        if not any(_is_new(each, now) and _concerns(each, resource.lower()) for each in self._assigned):
            return 0.0
        self._seconds_left -= _PAUSE_SECONDS
        self._say(f"waiting until the new roles take effect in {service} (this takes minutes on Azure)")
        return _PAUSE_SECONDS


class NewRolesPolicy(HTTPPolicy[Any, Any]):
    """Sends a request to a service again while a new role may be what is missing. A denied request has changed nothing.

    service: what it is for people. type_: the type of its resources, below the resource group (its ID).
    """

    def __init__(self, roles: NewRoles, service: str, group: str, type_: str) -> None:
        super().__init__()
        self._roles = roles
        self._service = service
        self._resources = f"{group}/providers/{type_}"

    def send(self, request: PipelineRequest[Any]) -> PipelineResponse[Any, Any]:
        """Sends the request; returns its last answer."""
        while True:
            response = self.next.send(request)
            if not lacks_role(response.http_response):
                return response
            name = str(request.http_request.url).partition("//")[2].partition(".")[0]
            pause = self._roles.pause(self._service, f"{self._resources}/{name}", moment(response.http_response))
            if not pause:
                return response
            transport: Any = request.context.transport
            transport.sleep(pause)


def _is_new(assignment: RoleAssignment, now: datetime) -> bool:
    return assignment.created is not None and now < assignment.created + _NEW


def _concerns(assignment: RoleAssignment, resource: str) -> bool:
    """Whether an assignment holds on a resource, above it, or on something in it, such as one key of a vault."""
    scope = assignment.scope.rstrip("/")
    return f"{resource}/".startswith(f"{scope}/") or f"{scope}/".startswith(f"{resource}/")


def lacks_role(response: Any) -> bool:
    """Whether a role would give access, which no role does against a firewall."""
    if response.status_code not in _DENIALS:
        return False
    error = explain(HttpResponseError(response=response))
    return isinstance(error, Denied) and error.role_missing


def moment(response: Any) -> datetime | None:
    """When Azure answered, by its own clock (RFC 9110, 6.6.1), because it says by the same when a role was assigned."""
    try:
        return parsedate_to_datetime(response.headers.get("Date", ""))
    except (TypeError, ValueError):
        return None
