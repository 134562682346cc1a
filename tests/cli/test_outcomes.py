"""Commands for many devices: their exit codes, and what they print of what was done before an error."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dpsops.emulator.azure import Azure
from dpsops.emulator.http import Request, Response
from tests.cli.terminal import Terminal, assert_error

handle = Azure.handle


def refusing(path: str, status: int) -> object:
    """The embedded Azure, which refuses all requests to a path."""

    def refuse(azure: Azure, request: Request) -> Response:
        if path in request.path:
            return Response(status, {"error": {"code": "Forbidden", "message": "No.", "innererror": {"code": "ForbiddenByRbac"}}})
        return handle(azure, request)

    return refuse


def test_one_of_two_that_fails_is_exit_code_3_and_both_are_1(terminal: Terminal) -> None:
    terminal("up")
    terminal("device", "issue", "press-07")
    terminal("device", "block", "press-07")
    code, out, _ = terminal("--output", "json", "device", "issue", "press-07", "press-08")
    document = json.loads(out)
    assert (code, [one["device"] for one in document["failed"]], len(document["issued"])) == (3, ["press-07"], 1)
    terminal("device", "block", "press-08")
    assert terminal("device", "issue", "press-07", "press-08")[0] == 1
    assert terminal("device", "renew", "press-07", "press-08")[0] == 1


def test_a_missing_role_ends_the_command_after_it_has_printed_what_was_done(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal("up")
    monkeypatch.setattr(Azure, "handle", refusing("/secrets/device-press-08", 403))
    result = terminal("device", "issue", "press-07", "press-08")
    assert_error(result, 4, "✓ press-07: valid until ")
    monkeypatch.setattr(Azure, "handle", handle)
    assert terminal.json("device", "issue", "press-07", "press-08")["unchanged"] == ["press-07"]


def test_an_up_that_fails_prints_what_it_has_created(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Azure, "handle", refusing("/certificates/root-g1/pending", 403))
    assert_error(terminal("up"), 4, "✓ resource group rg-dpsops-local: created")


def test_several_reasons_stand_one_below_the_other(terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal("up")
    (tmp_path / "infra").mkdir(exist_ok=True)
    (tmp_path / "infra" / "local.toml").write_text(
        'location = "westeurope"\nresource_group = "rg-dpsops-local"\ntags = { team = "press" }\n'
        '[vault]\nname = "kv-dpsops-local"\n[dps]\nname = "dps-dpsops-local"\n[[hub]]\nname = "iot-dpsops-local"\n',
        encoding="utf-8",
    )
    details = [
        {"code": "BadRequest", "message": "The first."},
        {"code": "VaultAlreadyExists", "message": "The vault name 'kv' is already in use."},
        {"code": "ResourceGroupBeingDeleted", "message": "The third."},
    ]
    failed = Response(400, {"error": {"code": "InvalidTemplateDeployment", "message": "See below.", "details": details}})

    def refuse(azure: Azure, request: Request) -> Response:
        return failed if request.path.endswith("/whatIf") else handle(azure, request)

    monkeypatch.setattr(Azure, "handle", refuse)
    code, out, err = terminal("--output", "json", "plan")
    assert (code, out) == (1, "")
    vault = (
        "choose another vault name in the settings: these names are unique in all of Azure; if you deleted a vault of this name"
    )
    *lines, second, third = err.splitlines()[-6:]
    assert lines == [
        "dpsops: error: Azure gives 3 reasons:",
        "dpsops:        1. The first.",
        "dpsops:        2. The vault name 'kv' is already in use.",
        "dpsops:        3. The third.",
    ]
    assert second.startswith(f"dpsops: hint: 2. {vault}")
    assert third == "dpsops:       3. wait until the resource group is deleted, then run the command again"
