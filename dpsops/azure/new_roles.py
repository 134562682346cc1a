"""Waiting for roles that have just been assigned: each takes effect by itself, after minutes, and in any order.

Source: Azure RBAC, "Troubleshoot: role assignment changes are not being detected".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from azure.core.exceptions import HttpResponseError
from azure.core.pipeline import PipelineRequest, PipelineResponse
from azure.core.pipeline.policies import HTTPPolicy

from dpsops.azure.errors import explain
from dpsops.errors import Denied

_PAUSE_SECONDS = 10.0
_LONGEST_SECONDS = 600.0
_DENIALS = (401, 403)


class NewRoles:
    """What one invocation knows of new roles: whether it expects any, and how long it still waits for them, in all."""

    def __init__(self) -> None:
        self._seconds_left = 0.0
        self._say: Callable[[str], None] = lambda _: None

    def expect(self, say: Callable[[str], None]) -> None:
        """From now on, a request that a missing role denies is sent again, for ten minutes of waiting. `say` shows that to
        people."""
        self._seconds_left = _LONGEST_SECONDS
        self._say = say

    def pause(self, service: str) -> float:
        """How many seconds to wait before a denied request is sent to a service again; none if it is not to be sent again."""
        if self._seconds_left <= 0:
            return 0.0
        self._say(f"waiting until the new roles take effect in {service} (this takes minutes on Azure)")
        self._seconds_left -= _PAUSE_SECONDS
        return _PAUSE_SECONDS


class NewRolesPolicy(HTTPPolicy[Any, Any]):
    """Sends a request to a service again while a new role may be what is missing. A denied request has changed nothing."""

    def __init__(self, roles: NewRoles, service: str) -> None:
        super().__init__()
        self._roles = roles
        self._service = service

    def send(self, request: PipelineRequest[Any]) -> PipelineResponse[Any, Any]:
        """Sends the request; returns its last answer."""
        while True:
            response = self.next.send(request)
            if not _lacks_role(response.http_response):
                return response
            if not (pause := self._roles.pause(self._service)):
                return response
            transport: Any = request.context.transport
            transport.sleep(pause)


def _lacks_role(response: Any) -> bool:
    """Whether a role would give access, which no role does against a firewall."""
    if response.status_code not in _DENIALS:
        return False
    error = explain(HttpResponseError(response=response))
    return isinstance(error, Denied) and error.role_missing
