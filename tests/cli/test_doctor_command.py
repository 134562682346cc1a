"""`dpsops doctor` as it is typed: its table, its JSON, its exit codes."""

from __future__ import annotations

import pytest

from dpsops.emulator import server
from dpsops.emulator.identity.state import TENANT
from dpsops.model.checkup import Finding, Outcome
from dpsops.model.roles import Principal
from dpsops.workflows.doctor import Checkup, Doctor
from tests.cli.terminal import Terminal

LINE = "az role assignment create ..."
LACKS = Finding("permissions", "rotate", Outcome.FAILED, "lacks it", LINE)
SIGNED_OUT = Finding("sign-in", "az", Outcome.FAILED, "nobody is signed in", "sign in with 'az login'")
LOCKED = Finding("lock", "keep", Outcome.FAILED, "stops rotate", "az lock delete")
WARNED = Finding("logs", "the vault", Outcome.WARNING, "off", "dpsops up")
UNKNOWN = Finding("lock", "the group", Outcome.UNKNOWN, "who knows", "ask")
WELL = Finding("clock", "this machine", Outcome.OK, "right")


def says(monkeypatch: pytest.MonkeyPatch, *findings: Finding) -> None:
    """What the checks find from now on."""

    def examine(self: Doctor, commands: tuple[str, ...]) -> Checkup:
        return Checkup(Principal("an-id", "User"), "a-tenant", "az", self.run.environment.name, commands, findings)

    monkeypatch.setattr(Doctor, "examine", examine)


@pytest.mark.parametrize(
    ("findings", "code"),
    [
        ([WELL], 0),
        ([WELL, WARNED, UNKNOWN], 0),
        ([WELL, LACKS], 4),
        ([SIGNED_OUT], 4),
        ([LACKS, LOCKED], 1),
        ([LOCKED, WARNED], 1),
    ],
)
def test_the_exit_code_says_whether_rights_are_all_that_is_missing(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, findings: list[Finding], code: int
) -> None:
    says(monkeypatch, *findings)
    assert terminal("doctor")[0] == code
    assert terminal("--output", "json", "doctor")[0] == code


def test_the_table_has_a_hint_below_what_is_not_well(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    says(monkeypatch, WELL, LACKS)
    _, out, _ = terminal("doctor")
    assert out.splitlines() == [
        "ok      clock        this machine  right",
        "failed  permissions  rotate        lacks it",
        f"        -> {LINE}",
        "",
        "1 ok, 1 failed",
    ]


def test_the_document_of_a_whole_environment(terminal: Terminal) -> None:
    terminal.stand()
    found = terminal.json("doctor", "--for", "device issue")
    assert found["commands"] == ["device issue", "device issue --individual"]
    assert found["identity"]["type"] == "ServicePrincipal"
    assert found["tenant"] == TENANT
    assert f" of the tenant {TENANT}, by " in found["checks"][0]["detail"]
    assert {frozenset(each) for each in found["checks"]} == {frozenset(("check", "subject", "outcome", "detail", "hint"))}
    assert {each["outcome"] for each in found["checks"]} == {"ok"}


def mqtt(terminal: Terminal) -> list[dict[str, str]]:
    found = terminal.json("doctor", "--for", "device register")
    return [each for each in found["checks"] if each["check"] == "mqtt"]


def test_whether_devices_can_speak_mqtt(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal.stand()
    hosts = ["global.azure-devices-provisioning.net:8883", "iot-dpsops-local.azure-devices.net:8883"]
    assert [(each["subject"], each["outcome"]) for each in mqtt(terminal)] == [(host, "ok") for host in hosts]
    monkeypatch.setattr(server, "_MQTT", "a port that is closed")
    assert [(each["subject"], each["outcome"]) for each in mqtt(terminal)] == [(host, "warning") for host in hosts]
    assert "--transport https, which needs port 443 alone" in mqtt(terminal)[0]["hint"]
    terminal("device", "issue", "press-01")
    assert terminal("device", "register", "press-01", "--transport", "https")[0] == 0


def test_a_command_that_nobody_knows_is_wrong_use(terminal: Terminal) -> None:
    code, _, err = terminal("doctor", "--for", "device lost")
    assert code == 2
    assert "there is nothing to check for 'device lost'" in err
    assert "it is one of: plan, up, down, status, status --report, root show" in err
