"""The program as a person runs it: what it says and asks, its exit codes, and what it leaves on disk."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from azure_facts import group
from azure_facts.command import main
from azure_facts.questions import QUESTIONS
from dpsops.azure.transport import Transport
from dpsops.cli.connection import Connection
from dpsops.cli.embedded import variables
from dpsops.emulator.faults import Fault, Refuse
from dpsops.emulator.habits import Habits
from dpsops.emulator.http import Response
from dpsops.emulator.server import EmbeddedAzure
from tests.azure_facts.worlds import remains
from tests.worlds import World, embedded_world

NAMES = [each.name for each in QUESTIONS]
MADE = ("rg-azure-facts-n4me", "kv-facts-n4me", "iot-facts-n4me", "dps-facts-n4me", "six built-in ones")


class Terminal(io.StringIO):
    """Somebody who types."""

    def isatty(self) -> bool:
        """Yes."""
        return True


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nobody waits, in an empty directory."""
    monkeypatch.setattr(Transport, "sleep", lambda self, duration: None)
    monkeypatch.setattr("dpsops.azure.clients.pause", lambda _: asyncio.sleep(0))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def azure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """An Azure to which the variables lead, as they lead to the real one."""
    with EmbeddedAzure(tmp_path / ".dpsops") as served:
        for name, value in variables(served).items():
            monkeypatch.setenv(name, value)
        yield embedded_world(served)


def test_on_the_embedded_azure_nobody_is_asked(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--embedded", "--name", "n4me"]) == 0
    shown = capsys.readouterr()
    assert [line.split()[0] for line in shown.out.splitlines()] == NAMES
    assert all(each in shown.err for each in ("On the embedded Azure this makes", "costs nothing", *MADE))
    assert shown.err.splitlines()[-1] == "azure-facts: nothing of the run is left in Azure"
    folder = Path("azure-facts-n4me")
    assert {each.name for each in folder.iterdir()} == {f"{each}.yaml" for each in ("making", "removing", *NAMES)} | {
        "answers.json"
    }
    document = json.loads((folder / "answers.json").read_text())
    assert [each["question"] for each in document["answers"]] == NAMES
    assert document["where"] == "embedded", "nobody takes it for Azure's"
    first = yaml.safe_load((folder / "making.yaml").read_text())["interactions"][1]["request"]
    assert (first["method"], first["uri"].partition("?")[0][-19:]) == ("PUT", "rg-azure-facts-n4me")
    assert main(["--embedded", "--name", "n4me"]) == 2
    assert "azure-facts-n4me exists already" in capsys.readouterr().err


def test_on_azure_it_says_what_it_will_make_and_asks(
    azure: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", Terminal("n\n"))
    assert main(["--name", "n4me"]) == 1
    shown = capsys.readouterr()
    assert all(each in shown.err for each in ("In the subscription 5a7d4c1e", "euros", "Continue? [y/N]", *MADE))
    assert "error: declined: nothing was changed" in shown.err
    assert (shown.out, list(Path().glob("azure-facts-*")), remains(azure)) == ("", [], [])
    monkeypatch.setattr("sys.stdin", Terminal("y\n"))
    assert main(["--name", "n4me", "--out", "kept"]) == 0
    assert json.loads((Path("kept") / "answers.json").read_text())["where"] == "westeurope"
    assert remains(azure) == []


def test_without_a_terminal_it_needs_yes(
    azure: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    assert main(["--name", "n4me"]) == 2
    assert "hint: pass --yes" in capsys.readouterr().err
    assert (list(Path().glob("azure-facts-*")), remains(azure)) == ([], [])
    assert main(["--name", "n4me", "--yes"]) == 0


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--name", "Not A Name"], 2, "is not a name for a run"),
        (["--name", "n" * 15], 2, "4 to 14 lower case letters and digits"),
        (["--region", "West Europe"], 2, "'West Europe' is not the short name of a region"),
        (["--region", "switzerlandnorth", "--yes"], 1, "hint: choose another --region; Azure offers what is wanted there in"),
        (["--regoin", "x"], 2, "No such option"),
        (["--remove", "n4me", "--embedded"], 2, "--remove takes the name of a run on Azure"),
    ],
)
def test_wrong_use(azure: World, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, words: str) -> None:
    assert main(arguments) == code
    shown = capsys.readouterr().err
    assert words in shown
    assert "azure-facts: hint: " in shown
    assert "Traceback" not in shown
    assert remains(azure) == []


def test_without_a_subscription(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AZURE_SUBSCRIPTION_ID", "AZURE_TENANT_ID", "AZURE_CLIENT_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", "")
    assert main([]) == 2
    assert "hint: az login, or set AZURE_SUBSCRIPTION_ID" in capsys.readouterr().err


def test_an_unregistered_provider_is_not_registered(azure: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert azure.embedded is not None
    azure.embedded.azure.habits = Habits(unregistered=frozenset({"Microsoft.Devices"}))
    assert main(["--name", "n4me", "--yes"]) == 1
    assert "hint: az provider register --namespace Microsoft.Devices --wait" in capsys.readouterr().err
    assert remains(azure) == []


def test_ctrl_c_ends_with_130_and_shows_what_was_found(
    azure: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_: Connection) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("dpsops.cli.connection.Connection.roots", property(interrupted))
    assert main(["--name", "n4me", "--yes"]) == 130
    shown = capsys.readouterr()
    assert [line.split()[0] for line in shown.out.splitlines()] == NAMES[: NAMES.index("ec-reuse-key")]
    assert shown.err.splitlines()[-2:] == ["azure-facts: nothing of the run is left in Azure", "azure-facts: interrupted"]
    assert remains(azure) == []


def test_what_a_killed_run_has_left_is_removed_by_name(
    azure: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    group.make(azure.connect(group.environment("n4me", "westeurope")))
    assert main(["--name", "another", "--yes"]) == 0
    assert "rg-azure-facts-n4me: make azure-facts ARGUMENTS='--remove n4me' removes it" in capsys.readouterr().err
    assert main(["--name", "n4me", "--yes"]) == 1, "it is not taken over"
    monkeypatch.setattr("sys.stdin", Terminal("\n"))
    assert main(["--remove", "n4me"]) == 1
    assert remains(azure)
    assert main(["--remove", "n4me", "--yes"]) == 0
    assert remains(azure) == []
    capsys.readouterr()
    assert main(["--remove", "n4me"]) == 0
    assert capsys.readouterr().err == "azure-facts: nothing of the run is left in Azure\n"


def test_a_question_without_an_answer_ends_with_3(
    azure: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dpsops.cli.connection.Connection.roots", property(lambda _: None))
    assert main(["--name", "n4me", "--yes"]) == 3
    [line] = [each for each in capsys.readouterr().out.splitlines() if each.startswith("ec-reuse-key")]
    assert "not answered: " in line
    assert remains(azure) == []


def test_what_is_left_ends_with_1_and_is_named(azure: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert azure.embedded is not None
    refusal = Response(403, {"error": {"code": "AuthorizationFailed", "message": "You may not do this."}})
    azure.embedded.azure.faults.add(Fault(Refuse(refusal), lambda request: request.path.lower().endswith("/purge"), times=None))
    assert main(["--name", "n4me", "--yes"]) == 1
    assert "left: kv-facts-n4me may still be soft-deleted, for 7 days (You may not do this.): " in capsys.readouterr().err
    assert [each.rpartition("/")[2] for each in remains(azure)] == ["kv-facts-n4me"]
