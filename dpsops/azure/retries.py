"""What is sent again, and for how long: the SDKs' own rules, within the bounds of the settings."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ServiceRequestTimeoutError,
    ServiceResponseTimeoutError,
)
from azure.core.pipeline import PipelineRequest, PipelineResponse
from azure.core.pipeline.policies import HTTPPolicy, RetryPolicy

if TYPE_CHECKING:
    from dpsops.azure.transport import Transport

_PAUSE_SECONDS = 10.0
_REGISTRATION = re.compile(r"/subscriptions/[^/]+/providers/[^/]+(/register)?", re.IGNORECASE)


class PatientRetryPolicy(RetryPolicy[Any, Any]):
    """Waits until a throttled request may be sent again: DPS and IoT Hub limit the requests by the minute, and IoT Hub says how
    long to wait only in its message ("Wait 10 seconds and try again"). Source: Azure IoT Hub, "Quotas and throttling".

    All attempts of a request, and the pauses between them, have one bound. A longer pause than is left is not begun: then the
    service's own answer is the error.
    """

    def __init__(self, transport: Transport, **options: Any) -> None:
        super().__init__(**options)
        self._waiting = transport.waiting
        self._seconds = transport.waits.request_seconds

    def send(self, request: PipelineRequest[Any]) -> PipelineResponse[Any, Any]:
        """Sends a request, more than once if it may help. Raises `Unavailable` if the bound is reached."""
        host = urlsplit(request.http_request.url).hostname
        with self._waiting.request(f"an answer of {host}", self._seconds):
            try:
                return super().send(request)
            except (ServiceRequestTimeoutError, ServiceResponseTimeoutError) as error:
                raise self._waiting.given_up() from error

    def is_retry(self, settings: dict[str, Any], response: PipelineResponse[Any, Any]) -> bool:
        """Whether a request is sent again after this answer."""
        again = bool(super().is_retry(settings, response))
        return again and (self.get_retry_after(response) or 0.0) <= self._waiting.left()

    def get_retry_after(self, response: PipelineResponse[Any, Any]) -> float | None:
        """Seconds until the next attempt, or None for the usual pauses."""
        wanted: float | None = super().get_retry_after(response)
        return _PAUSE_SECONDS if wanted is None and response.http_response.status_code == 429 else wanted


class RegistrationPolicy(PatientRetryPolicy):
    """The same for Resource Manager's clients. They register a resource provider that is not registered yet by themselves, and do
    not look at what they are answered then: here a refusal of that is the error of the call, because it names what is missing."""

    def send(self, request: PipelineRequest[Any]) -> PipelineResponse[Any, Any]:
        """Sends a request. Raises `HttpResponseError` if a registration, or a look at one, is refused."""
        answer = super().send(request)
        status = answer.http_response.status_code
        if status >= 400 and _REGISTRATION.fullmatch(urlsplit(request.http_request.url).path):
            raise (ClientAuthenticationError if status == 401 else HttpResponseError)(response=answer.http_response)
        return answer


class BoundedPolicy(HTTPPolicy[Any, Any]):
    """Bounds what Resource Manager's clients do for one call: they register a resource provider that is not registered yet, and
    ask whether it is, for ever."""

    def __init__(self, transport: Transport) -> None:
        super().__init__()
        self._waiting = transport.waiting
        self._seconds = transport.waits.operation_seconds

    def send(self, request: PipelineRequest[Any]) -> PipelineResponse[Any, Any]:
        """Sends a request."""
        with self._waiting.operation("the registration of a resource provider", self._seconds):
            return self.next.send(request)
