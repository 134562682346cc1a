"""What the conformance tests share."""

from __future__ import annotations

import pytest

from tests.conformance import openapi, recordings
from tests.conformance.messages import Recording
from tests.conformance.openapi import Operation, Specification, Violation


@pytest.fixture(scope="session")
def specification() -> Specification:
    """Azure's OpenAPI files; skips where they are absent."""
    if not openapi.FOLDER.is_dir():
        pytest.skip(openapi.ABSENT)
    return Specification.load()


@pytest.fixture(scope="session")
def recorded() -> list[Recording]:
    """All recordings; skips where they are absent."""
    if not recordings.FOLDERS:
        pytest.skip(recordings.ABSENT)
    return list(recordings.read_all())


@pytest.fixture(scope="session")
def departures(specification: Specification, recorded: list[Recording]) -> list[tuple[Operation, Violation]]:
    """Every way in which recorded traffic departs from Azure's OpenAPI files."""
    found = []
    for recording in recorded:
        for each in recording.exchanges:
            operation = specification.find(each.method, each.host, each.path, each.api_version)
            if operation is not None:
                sent = specification.check_request(operation, each.path, each.query, each.request.headers, each.request.body)
                answered = specification.check_response(operation, each.status, each.response.body)
                found += [(operation, violation) for violation in sent + answered]
    return found
