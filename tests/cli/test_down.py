"""`dpsops down`, as it is typed: what it shows, what it asks, what it prints, and how it ends."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.terminal import LOCAL, Terminal, assert_error, served

OPEN = LOCAL.replace('name = "kv-dpsops-local"\n', 'name = "kv-dpsops-local"\npurge_protection = false\nsoft_delete_days = 7\n')
REMOVED = [
    "Microsoft.Devices/provisioningServices/dps-dpsops-local",
    "Microsoft.Devices/IotHubs/iot-dpsops-local",
    "Microsoft.KeyVault/vaults/kv-dpsops-local",
    "resource group rg-dpsops-local",
]


class Typing(io.StringIO):
    """A terminal's stdin, in which this is typed."""

    def isatty(self) -> bool:
        """It is a terminal."""
        return True


@pytest.fixture
def prod(terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    """A terminal with an environment that is not local, on an embedded Azure that is served."""
    (tmp_path / "infra" / "prod.toml").write_text(OPEN)
    with served(tmp_path):
        for name, value in terminal.json("local", "env").items():
            if name.isupper():
                monkeypatch.setenv(name, value)
        code, _, err = terminal("--env", "prod", "up", "--yes")
        assert code == 0, err
        yield terminal


def test_local_is_removed_without_a_question_and_the_next_up_is_told_what_to_do(terminal: Terminal) -> None:
    terminal.json("up")
    terminal.json("device", "issue", "press-07")
    found = terminal.json("down")
    assert found["changed"] is True
    assert [each["target"] for each in found["actions"]] == REMOVED
    assert found["kept"] == []
    (vault,) = found["soft_deleted"]
    assert (vault["name"], vault["purgeable"], vault["until"][-1]) == ("kv-dpsops-local", False, "Z")
    assert_error(terminal("up"), 1, "a vault named kv-dpsops-local was deleted", "az group create", "dpsops local reset")

    code, out, _ = terminal("down")
    assert code == 0
    assert out.splitlines()[0] == "Nothing to remove."
    assert "az group create --name rg-dpsops-local --location westeurope; az keyvault recover --name kv-dpsops-local" in out
    code, out, err = terminal("down", "--purge")
    assert (code, "nobody can purge it before" in out) == (3, True)
    assert "dpsops: hint: wait until Azure purges the vault, or give the next environment another vault name\n" in err


def test_the_name_of_the_environment_is_asked_for(prod: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    assert_error(prod("--env", "prod", "down"), 2, "no terminal to ask for confirmation", "pass --yes")
    for typed in ("", "y\n", "yes\n", "Prod\n"):
        monkeypatch.setattr(sys, "stdin", Typing(typed))
        code, out, err = prod("--env", "prod", "down", "--purge")
        assert (code, out) == (1, "")
        assert (
            "dpsops: error: declined: nothing was removed\ndpsops: hint: to continue, run the command again and type prod" in err
        )
    shown = err.splitlines()
    assert f"- remove {REMOVED[0]}: 1 enrollment group, 1 root to trust" in shown
    assert f"- remove {REMOVED[2]}: 1 root, stays soft-deleted for 7 days" in shown
    assert "- purge the vault kv-dpsops-local: nobody can recover its roots and keys after that" in shown
    assert "dps-dpsops-local" in prod("--env", "prod", "status")[1], "nothing was removed"

    monkeypatch.setattr(sys, "stdin", Typing("prod\n"))
    code, out, err = prod("--env", "prod", "down", "--purge")
    assert code == 0, err
    assert out.splitlines() == [*(f"✓ {target}: removed" for target in REMOVED), "✓ deleted vault kv-dpsops-local: purged"]
    assert prod("--env", "prod", "up", "--yes")[0] == 0


def test_what_stays_is_named_with_exit_code_3(prod: Terminal, tmp_path: Path) -> None:
    """Two environments share a vault: each device of the other one is somebody else's."""
    other = OPEN.replace("dps-dpsops-local", "dps-other").replace("iot-dpsops-local", "iot-other")
    (tmp_path / "infra" / "other.toml").write_text(other.replace("kv-dpsops-local", "kv-other"))
    code, _, err = prod("--env", "other", "up", "--yes")
    assert code == 0, err
    code, out, err = prod("--env", "prod", "down", "--yes")
    assert code == 3
    assert [line for line in out.splitlines() if line.startswith("✓")] == [f"✓ {target}: removed" for target in REMOVED[:3]]
    (stays,) = (line for line in out.splitlines() if "Microsoft.Resources/resourceGroups" in line)
    assert stays.startswith("= Microsoft.Resources/resourceGroups/rg-dpsops-local stays: there is more in it: ")
    assert "vaults/kv-other" in stays
    assert "dpsops: hint: see what it is" in err
    code, out, err = prod("--env", "prod", "--output", "json", "down", "--yes")
    assert code == 3, err
    (kept,) = json.loads(out)["kept"]
    assert (kept["name"], kept["type"]) == ("rg-dpsops-local", "Microsoft.Resources/resourceGroups")
    assert "vaults/kv-other" in kept["reason"]
    code, _, err = prod("--env", "other", "down", "--yes")
    assert code == 0, err
