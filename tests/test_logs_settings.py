"""`[vault] logs` in `infra/NAME.toml`: the workspace that the logs go to, and the error for what is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from dpsops.errors import InvalidInput
from tests.settings_texts import COMPLETE, SMALL, environment

SUBSCRIPTION = "5e0f7b3c-6d0c-4a53-9f0c-0f8f4d9f2c11"
WORKSPACE = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-(logs)/providers/Microsoft.OperationalInsights/workspaces/log-1"
KEY = "soft_delete_days = 7\n"

WRONG = {
    "its name": "log-1",
    "its customer ID": SUBSCRIPTION,
    "a vault": WORKSPACE.replace("Microsoft.OperationalInsights/workspaces", "Microsoft.KeyVault/vaults"),
    "no name": WORKSPACE.removesuffix("/log-1"),
    "what is in one": f"{WORKSPACE}/tables/t",
    "no subscription": WORKSPACE.replace(SUBSCRIPTION, "mine"),
    "no group": WORKSPACE.replace("/resourceGroups/rg-(logs)", ""),
    "a group that cannot be": WORKSPACE.replace("rg-(logs)", "rg."),
    "a name that is too short": WORKSPACE.replace("log-1", "log"),
    "a name that is too long": f"{WORKSPACE}{'x' * 63}",
    "a hyphen at the end": f"{WORKSPACE}-",
    "a slash at the end": f"{WORKSPACE}/",
    "nothing": "",
}


@pytest.mark.parametrize("text", [WORKSPACE, WORKSPACE.lower(), WORKSPACE.replace("log-1", "A" * 63)])
def test_a_workspace_is_given_by_its_id(tmp_path: Path, text: str) -> None:
    assert environment(tmp_path, COMPLETE.replace(KEY, f'{KEY}logs = "{text}"\n')).vault.logs == text


def test_without_it_the_logs_go_nowhere(tmp_path: Path) -> None:
    assert environment(tmp_path, SMALL).vault.logs is None


@pytest.mark.parametrize("text", WRONG.values(), ids=WRONG)
def test_anything_else_is_refused_with_its_line(tmp_path: Path, text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        environment(tmp_path, COMPLETE.replace(KEY, f'{KEY}logs = "{text}"\n'))
    line = COMPLETE[: COMPLETE.index(KEY)].count("\n") + 2
    assert refused.value.message.startswith(f"{tmp_path / 'dev.toml'}, line {line}: vault.logs: ")
    assert "group" in refused.value.message
