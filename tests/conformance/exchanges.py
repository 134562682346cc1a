"""An observer of the embedded Azure that holds every exchange against Azure's OpenAPI files."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from dpsops.emulator.http import Request, Response
from tests.conformance.deviations import excused, is_gateway_error, undescribed
from tests.conformance.messages import MANAGEMENT
from tests.conformance.openapi import FOLDER, Specification, Violation

_WITH_HEADERS = "deviceprovisioningservices-device"
"""The file whose answers must have every header that it declares. Those that the others declare are recorded to come and go."""


@dataclass(slots=True)
class ValidatingObserver:
    """Sees exchanges (`azure.observers.append(...)`) and keeps what is wrong with them, each as one line of text.

    `violations`: an answer that departs from its operation, or a request that does and was accepted all the
    same; `foreign` requests, which no client of Azure has made, may have members that no file declares, since nobody has seen
    Azure refuse them. `unmatched`: a request to Resource Manager or a data plane that no file describes, other than those
    known to be left out. `judged` counts the exchanges that an operation was found for, and `by_newer` those of them, by what
    they are, whose own API version no file describes: there the newest file judges.
    """

    specification: Specification
    foreign: bool = False
    violations: list[str] = field(default_factory=list)
    unmatched: list[str] = field(default_factory=list)
    judged: int = 0
    by_newer: Counter[str] = field(default_factory=Counter)

    def __call__(self, request: Request, response: Response) -> None:
        """Judges one exchange."""
        if request.host.startswith("login."):
            return
        operation = self.specification.find(request.method, request.host, request.path, request.api_version)
        line = f"{request.method} {request.host}{request.path} ({request.api_version}) {response.status}"
        if operation is None:
            if not undescribed(request.method, request.path):
                self.unmatched.append(line)
            return
        self.judged += 1
        if operation.api_version != request.api_version:
            self.by_newer[f"{operation.service} {request.api_version} judged by {operation.api_version}"] += 1
            line += f", judged by {operation.api_version}"
        found: list[Violation] = []
        if not _is_refused(response):  # a wrong request that is refused has met its judge
            wrong = self.specification.check_request(operation, request.path, request.query, request.headers, request.body)
            found += [each for each in wrong if not (self.foreign and each.rule == "declared")]
        if request.host != MANAGEMENT or response.status < 400 or not is_gateway_error(response.body):
            found += self.specification.check_response(operation, response.status, response.content())
        if operation.service == _WITH_HEADERS:
            found += self.specification.check_headers(operation, response.status, response.headers)
        self.violations += [f"{line}: {violation}" for violation in found if not excused(operation, violation)]


def _is_refused(response: Response) -> bool:
    """Whether the service has refused, also where it says so in a list of results, as DPS does of many enrollments at once."""
    return response.status >= 400 or (isinstance(response.body, dict) and response.body.get("isSuccessful") is False)


def validating_observer(folder: Path = FOLDER) -> ValidatingObserver:
    """A fresh observer over the OpenAPI files in `folder`."""
    return ValidatingObserver(Specification.load(folder))
