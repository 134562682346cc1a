"""What is sent again, and for how long: the SDKs' own rules, within the bounds of the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from azure.core.exceptions import ServiceRequestTimeoutError, ServiceResponseTimeoutError
from azure.core.pipeline import PipelineRequest, PipelineResponse
from azure.core.pipeline.policies import HTTPPolicy, RetryPolicy

if TYPE_CHECKING:
    from dpsops.azure.transport import Transport

_PAUSE_SECONDS = 10.0


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
