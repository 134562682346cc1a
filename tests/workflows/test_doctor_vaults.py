"""`doctor` where devices have vaults of their own, under the identities of that section of the page."""

from __future__ import annotations

import pytest

from dpsops.model.checkup import SIGN_IN
from tests.workflows import commands
from tests.workflows.commands import doctor
from tests.workflows.doing import PRESS
from tests.workflows.identities import as_identity, custom_role, define, principal
from tests.workflows.test_device_vault_roles import NAMES, issuer, on_vaults, spread
from tests.workflows.test_doctor import failed
from tests.worlds import World

pytestmark = pytest.mark.usefixtures("unmeasured")

__all__ = ["spread"]
ISSUES = ("device issue", "device list", "device export")


def test_the_issuer_needs_nothing_on_the_secrets_of_the_root(spread: World) -> None:
    mine = issuer(spread)
    for name in ISSUES:
        assert not failed(doctor(mine.connect(), name)), name
    commands.issue_to(mine.connect(), PRESS)
    assert [each.leaf.device for each in commands.members(mine.connect())] == [PRESS]


def test_a_vault_on_which_it_lacks_its_role_is_named(spread: World) -> None:
    role = define(spread, custom_role("device secrets"))
    scope = f"/subscriptions/{spread.connect().clients.subscription}/resourcegroups/rg-dpsops-test"
    mine = as_identity(spread, principal("issuer"), define(spread, custom_role("planner")))
    mine = as_identity(mine, principal("issuer"), role, scope=f"{scope}/providers/microsoft.keyvault/vaults/{NAMES[0]}")
    (found,) = failed(doctor(mine.connect(), "device export"))
    assert f"on the vault {NAMES[1]}:" in found.detail
    assert not failed(doctor(on_vaults(mine, principal("issuer"), role).connect(), "device export"))


def test_whoever_holds_no_token_is_told_at_once(spread: World, monkeypatch: pytest.MonkeyPatch) -> None:
    to = as_identity(spread, principal("issuer")).connect()
    monkeypatch.setattr(to.clients._credential, "get_token", _refuse)
    (found,) = failed(doctor(to))
    assert found.check == SIGN_IN
    assert "AADSTS7000215" in found.detail


def _refuse(*_: object, **__: object) -> None:
    from azure.core.exceptions import ClientAuthenticationError

    raise ClientAuthenticationError("AADSTS7000215: Invalid client secret provided.")
