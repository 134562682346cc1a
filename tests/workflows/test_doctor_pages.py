"""A proxy that answers with pages of its own: `doctor` says that it was told nothing, and ends well."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dpsops.emulator.azure import Azure
from dpsops.emulator.http import Request, Response
from dpsops.model.checkup import Outcome
from tests.workflows import commands
from tests.workflows.doing import HUB
from tests.worlds import World


@pytest.mark.parametrize("body", [[], "<html>", 7, b"<html>", b'{"id": "/subscr'], ids=str)
@pytest.mark.parametrize("host", [HUB, "kv-dpsops-test.vault.azure.net"])
def test_an_answer_that_is_not_of_the_service_tells_nothing(
    quick: World, host: str, body: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    handle, content = Azure.handle, Response.content

    def page(azure: Azure, request: Request) -> Response:
        answer = handle(azure, request)
        data = request.host == host and "authorization" in request.headers
        return replace(answer, status=200, body=body) if data or "/permissions" in request.path else answer

    def raw(response: Response) -> bytes:
        return response.body if isinstance(response.body, bytes) else content(response)

    monkeypatch.setattr(Azure, "handle", page)
    monkeypatch.setattr(Response, "content", raw)
    found = {(each.check, each.outcome) for each in commands.doctor(quick.connect()).findings}
    assert ("network", Outcome.UNKNOWN) in found
