"""Errors as JSON: one document on stdout, with what was done so far, whatever ends the command."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from dpsops import errors
from dpsops.azure.leaf_vault import LeafVaults
from dpsops.cli import ending
from dpsops.cli.options import Output
from dpsops.cli.told import Told
from dpsops.emulator.azure import Azure
from dpsops.model.device import SecretVersion
from dpsops.pki.names import DeviceId
from tests.cli.terminal import LOCAL, SOURCE, Terminal, error_document
from tests.cli.test_outcomes import refusing

PAGE = Path(__file__).parents[2] / "docs" / "scripting.md"


def test_every_kind_of_error_has_a_word_of_its_own_and_the_page_lists_them() -> None:
    kinds = {each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, errors.Error)}
    assert kinds == set(ending.CODES)
    assert len(set(ending.CODES.values())) == len(kinds)
    listed = re.findall(r"^\| `([a-z_]+)` \| (\d+)", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert {code for code, _ in listed} == {*ending.CODES.values(), "interrupted", "defect"}
    exits = {code: int(number) for code, number in listed}
    for kind, code in ending.CODES.items():
        error = kind(1, "", "") if issubclass(kind, errors.RegistrationRefused) else _raised(kind)
        assert ending.failed(error, Told(), Output.csv) == exits[code]


def _raised(kind: type[errors.Error]) -> errors.Error:
    return errors.Denied("", "", role_missing=True) if kind is errors.Denied else kind("", "")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--output", "json", "--env", "nowhere", "up"], "invalid_input", "there is no environment 'nowhere'"),
        (["--output=json", "--env=nowhere", "status", "--colour"], "invalid_input", "No such option: --colour"),
        (["--colour", "--env", "nowhere", "--output", "json", "status"], "invalid_input", "No such option: --colour"),
        (["--output", "json", "--env", "nowhere", "device", "shw"], "invalid_input", "No such command 'shw'"),
        (["--output", "json", "--env", "nowhere", "device", "show"], "invalid_input", "Missing argument 'ID'"),
    ],
)
def test_wrong_use(terminal: Terminal, arguments: list[str], code: str, message: str) -> None:
    document = error_document(terminal, *arguments, code=2)
    assert (document["environment"], document["error"]["code"]) == ("nowhere", code)
    assert message in document["error"]["message"]


def test_a_group_without_a_command_prints_its_help_and_says_so(terminal: Terminal) -> None:
    code, out, err = terminal("--output", "json", "device")
    assert (code, json.loads(out)["error"]["message"]) == (2, "a command is missing")
    assert err.startswith("Usage: dpsops device")
    assert terminal("device")[:2] == (2, "")


def test_what_was_done_before_an_error_is_in_the_same_document(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    handle = Azure.handle
    monkeypatch.setattr(Azure, "handle", refusing("/certificates/root-g1/pending", 403))
    document = error_document(terminal, "--output", "json", "up", code=4)
    assert (document["error"]["code"], document["changed"]) == ("denied", True)
    assert {"action": "create", "target": "resource group rg-dpsops-local", "outcome": "created"} in document["actions"]

    monkeypatch.setattr(Azure, "handle", handle)
    terminal("up")
    monkeypatch.setattr(Azure, "handle", refusing("/secrets/device-press-08", 403))
    document = error_document(terminal, "--output", "json", "device", "issue", "press-07", "press-08", code=4)
    assert [each["device"] for each in document["issued"]] == ["press-07"]
    assert document["failed"] == []

    monkeypatch.setattr(Azure, "handle", refusing("/secrets", 403))
    document = error_document(terminal, "--output", "json", "device", "block", "press-07", code=4)
    assert (document["changed"], document["actions"]) == (None, []), "whether anything has changed is not known"


def test_ctrl_c(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    history = LeafVaults.history

    async def interrupted(leaves: LeafVaults, device: DeviceId) -> list[SecretVersion]:
        if device == "press-08":
            raise KeyboardInterrupt
        return await history(leaves, device)

    terminal.stand()
    monkeypatch.setattr(LeafVaults, "history", interrupted)
    document = error_document(terminal, "--output", "json", "device", "issue", "press-07", "press-08", code=130)
    assert document["error"]["code"] == "interrupted"
    assert [each["device"] for each in document["issued"]] == ["press-07"]


ENDING = """
import os, signal
from dpsops.cli.main import run
from dpsops.workflows import issue
began = issue.issue
def ending(*given):
    for each in began(*given):
        yield each
        os.kill(os.getpid(), signal.SIGTERM)
issue.issue = ending
run()
"""
"""Gets a signal after the first certificate."""


def test_sigterm(terminal: Terminal, tmp_path: Path) -> None:
    terminal.stand()
    (tmp_path / "ending.py").write_text(ENDING)
    command = [sys.executable, "-m", "ending", "--output", "json", "device", "issue", "press-07", "press-08"]
    done = subprocess.run(command, cwd=tmp_path, env=os.environ | SOURCE, capture_output=True, text=True, check=False)
    assert done.returncode == 128 + 15
    document = json.loads(done.stdout)
    assert document["error"]["code"] == "interrupted"
    assert len(document["issued"]) == 1


def test_the_last_line_of_jsonl_and_nothing_in_csv(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal.stand()
    monkeypatch.setattr(Azure, "handle", refusing("/secrets/device-press-08", 403))
    code, out, _ = terminal("--output", "jsonl", "device", "issue", "press-07", "press-08")
    first, last = map(json.loads, out.splitlines())
    assert (code, first["outcome"], set(last), last["error"]["code"]) == (4, "issued", {"error"}, "denied")
    assert terminal("--output", "csv", "device", "issue", "press-07")[:2] == (2, "")
    assert terminal("--output", "yaml", "device", "issue", "press-07")[:2] == (2, "")


def test_some_of_many_that_failed_are_in_the_result_alone(terminal: Terminal) -> None:
    terminal.stand()
    terminal("device", "issue", "press-07")
    terminal("device", "block", "press-07")
    code, out, _ = terminal("--output", "json", "device", "issue", "press-07", "press-08")
    assert (code, "error" in json.loads(out)) == (3, False)


def test_a_registration_has_the_code_of_dps(terminal: Terminal) -> None:
    terminal.stand()
    terminal("device", "issue", "press-07")
    terminal("device", "block", "press-07")
    document = error_document(terminal, "--output", "json", "device", "register", "press-07", "--transport", "https", code=1)
    assert document["error"]["code"] == "registration_refused"
    assert document["error"]["registration"] in (401, 401002)


def test_the_hint_leads_to_the_environment(terminal: Terminal, tmp_path: Path) -> None:
    (tmp_path / "infra" / "prod.toml").write_text(LOCAL)
    (tmp_path / "a.plan").write_text("{}")
    document = error_document(terminal, "--env", "prod", "--output", "json", "up", "--plan", "a.plan", code=2)
    assert document["error"]["hint"].endswith(": dpsops --env prod plan --out FILE")


def test_a_full_disk(terminal: Terminal, tmp_path: Path) -> None:
    terminal.stand()
    command = [sys.executable, "-m", "dpsops", "--output", "json"]
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [*command, "device", "show", "nobody"],
            cwd=tmp_path, env=os.environ | SOURCE, stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert "dpsops: error: nobody has no certificate" in done.stderr
    document = error_document(terminal, "--output", "json", "root", "csr", "--out", "/dev/full", code=1)
    assert document["error"]["message"] == "No space left on device"


def test_nothing_is_said_into_a_closed_pipe(terminal: Terminal, tmp_path: Path) -> None:
    terminal.stand()
    for words in ("status", "device show nobody"):
        outside, inside = os.pipe()
        os.close(outside)
        done = subprocess.run(
            [sys.executable, "-m", "dpsops", "--output", "json", *words.split()],
            cwd=tmp_path, env=os.environ | SOURCE, stdout=inside, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
        os.close(inside)
        assert (done.returncode, "Traceback" in done.stderr, "BrokenPipe" in done.stderr) == (1, False, False), words


def test_a_defect(terminal: Terminal, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a secret")

    terminal.stand()
    monkeypatch.setattr(LeafVaults, "history", broken)
    with pytest.raises(RuntimeError):
        terminal("--output", "json", "device", "issue", "press-07")
    document = json.loads(capsys.readouterr().out)
    assert document["error"] == {
        "code": "defect", "message": "a defect of dpsops: RuntimeError", "hint": "the traceback says where",
    }  # fmt: skip
    assert document["issued"] == []


def test_no_error_follows_a_result(capsys: pytest.CaptureFixture[str]) -> None:
    told = Told(has_result=True)
    assert ending.failed(errors.Missing("gone", "look"), told, Output.json) == 1
    assert ending.interrupted(told, Output.json) == 130
    assert capsys.readouterr().out == ""
