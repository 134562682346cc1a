"""Commands for many devices: their exit codes, and what they print of what was done before an error."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dpsops.azure.leaf_vault import LeafVaults
from dpsops.emulator.azure import Azure
from dpsops.emulator.http import Request, Response
from dpsops.errors import Unavailable
from dpsops.model.device import SecretVersion
from dpsops.pki.names import DeviceId
from tests.cli.terminal import Terminal, assert_error, assert_error_free

handle = Azure.handle


def refusing(path: str, status: int) -> object:
    """The embedded Azure, which refuses all requests to a path."""

    def refuse(azure: Azure, request: Request) -> Response:
        if path in request.path:
            return Response(status, {"error": {"code": "Forbidden", "message": "No.", "innererror": {"code": "ForbiddenByRbac"}}})
        return handle(azure, request)

    return refuse


def test_one_of_two_that_fails_is_exit_code_3_and_both_are_1(terminal: Terminal) -> None:
    terminal.stand()
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
    terminal.stand()
    monkeypatch.setattr(Azure, "handle", refusing("/secrets/device-press-08", 403))
    result = terminal("device", "issue", "press-07", "press-08")
    assert_error(result, 4, "✓ press-07: valid until ")
    monkeypatch.setattr(Azure, "handle", handle)
    assert terminal.json("device", "issue", "press-07", "press-08")["unchanged"] == ["press-07"]


def test_an_up_that_fails_prints_what_it_has_created(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Azure, "handle", refusing("/certificates/root-g1/pending", 403))
    assert_error(terminal("up"), 4, "✓ resource group rg-dpsops-local: created")


def test_several_reasons_stand_one_below_the_other(terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal.stand()
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
    assert code == 1
    assert json.loads(out)["error"]["message"].splitlines()[:2] == ["Azure gives 3 reasons:", "1. The first."]
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


def test_what_exists_already_is_named_with_its_secret(terminal: Terminal) -> None:
    terminal.stand()
    (issued,) = terminal.json("device", "issue", "press-07")["issued"]
    expected = [{"device": "press-07", "secret_id": issued["secret_id"]}]
    for command in (("issue",), ("renew",)):
        found = terminal.json("device", *command, "press-07")
        assert (found["issued"], found["unchanged"], found["existing"]) == ([], ["press-07"], expected)
    assert_error_free(terminal("device", "issue", "press-07"), f"= press-07: has a valid certificate, in {issued['secret_id']}\n")
    words = f"in {issued['secret_id']}; for another one: dpsops device renew press-07 --again\n"
    assert_error_free(terminal("device", "renew", "press-07"), f"= press-07: has not used its newest certificate yet, {words}")
    (again,) = terminal.json("device", "renew", "press-07", "--again")["issued"]
    assert again["secret_id"] != issued["secret_id"]


def test_an_enrollment_that_fits_is_unchanged(terminal: Terminal) -> None:
    terminal.stand()
    terminal("device", "issue", "press-07", "--individual")
    found = terminal.json("device", "issue", "press-07", "--individual")
    assert found["actions"] == [{"action": "keep", "target": "enrollment press-07", "outcome": "unchanged"}]
    assert_error_free(terminal("device", "issue", "press-07", "--individual"), "= enrollment press-07: unchanged\n")


def test_a_typo_is_the_failure_of_its_device(terminal: Terminal) -> None:
    terminal.stand()
    terminal("device", "issue", "press-07")
    code, out, _ = terminal("device", "renew", "prss-07")
    assert (code, "did you mean press-07?" in out) == (1, True)
    assert terminal("device", "renew", "prss-07", "press-07", "--again")[0] == 3


def test_an_interruption_prints_what_was_done(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    history = LeafVaults.history

    async def interrupted(leaves: LeafVaults, device: DeviceId) -> list[SecretVersion]:
        if device == "press-08":
            raise KeyboardInterrupt
        return await history(leaves, device)

    terminal.stand()
    monkeypatch.setattr(LeafVaults, "history", interrupted)
    code, out, err = terminal("device", "issue", "press-07", "press-08")
    assert (code, out) == (130, "")
    assert "✓ press-07: valid until " in err


def test_no_answer_for_every_device_is_an_error(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    async def silent(*_: object) -> list[SecretVersion]:
        raise Unavailable("Azure cannot be reached", "check the network")

    terminal.stand()
    monkeypatch.setattr(LeafVaults, "history", silent)
    assert_error(terminal("device", "issue", "press-07", "press-08"), 1, "Azure cannot be reached")


def test_status_names_the_devices_whose_enrollment_and_vault_differ(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal.stand()
    terminal("device", "issue", "press-07", "press-08", "--individual")
    monkeypatch.setattr(Azure, "handle", refusing("/enrollments/press-07", 404))
    terminal("device", "renew", "press-07", "--again")  # as if it had been enrolled at the same time
    monkeypatch.setattr(Azure, "handle", handle)
    words = "1 device(s) have an individual enrollment that does not accept their newest certificate: "
    (step,) = terminal.json("status")["next"]
    assert step == f"{words}dpsops device issue press-07 --individual"
    terminal("device", "issue", "press-07", "--individual")
    assert terminal.json("status")["next"] == []
    monkeypatch.setattr(Azure, "handle", refusing("/enrollments/press-08", 403))
    terminal("device", "block", "press-08")
    monkeypatch.setattr(Azure, "handle", handle)
    (step,) = terminal.json("status")["next"]
    assert step == "1 device(s) are blocked only in part: dpsops device block press-08, or dpsops device unblock press-08"
    terminal("device", "block", "press-08")
    assert terminal.json("status")["next"] == []
