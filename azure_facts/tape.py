"""Records what goes over the wire as cassettes of vcrpy, scrubbed, one for each question.

Only what Azure's own services are asked is recorded: no sign-in, whichever way it goes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import vcr

from azure_facts.scrub import Scrubber, without_proof

_HOSTS = ("management.azure.com", ".vault.azure.net", ".azure-devices.net", ".azure-devices-provisioning.net")
_SENT = {"accept", "content-type", "if-match", "if-none-match"}
_ANSWERED = {
    "allow", "azure-asyncoperation", "content-type", "date", "etag", "iothub-errorcode", "location", "retry-after",
    "www-authenticate", "x-ms-error-code", "x-ms-failure-cause", "x-ms-item-type",
}  # fmt: skip
"""The headers that are kept, which say something of the service and nothing of the caller."""


class Tape:
    """The cassettes of one run, in one folder."""

    def __init__(self, folder: Path, scrubber: Scrubber) -> None:
        self._folder = folder
        self._scrubber = scrubber
        self._recorder = vcr.VCR(
            record_mode=vcr.mode.ALL,
            decode_compressed_response=True,
            before_record_request=self._request,
            before_record_response=self._answer,
        )

    @contextmanager
    def recording(self, name: str) -> Iterator[None]:
        """Records what happens inside, also if it fails there."""
        with self._recorder.use_cassette(str(self._folder / f"{name}.yaml")):
            yield

    def _request(self, request: Any) -> Any:
        host = urlsplit(request.uri).hostname or ""
        if not any(host == each or (each.startswith(".") and host.endswith(each)) for each in _HOSTS):
            return None
        path = urlsplit(request.uri).path
        request.uri = self._scrubber.text(request.uri)
        request.headers = {name: value for name, value in request.headers.items() if name.lower() in _SENT}
        if request.body:
            sent = request.body if isinstance(request.body, bytes) else str(request.body).encode()
            request.body = self._scrubber.body(without_proof(sent) if path.lower().endswith("/verify") else sent)
        return request

    def _answer(self, answer: Any) -> Any:
        answer["body"]["string"] = self._scrubber.body(answer["body"]["string"] or b"")
        answer["headers"] = {
            name: [self._scrubber.text(value) for value in values]
            for name, values in answer["headers"].items()
            if name.lower() in _ANSWERED
        }
        return answer
