"""The custom roles, and the page that shows them."""

from __future__ import annotations

import json
import re
from pathlib import Path

from dpsops.model.custom_roles import DEPLOYER, DEVICE_SECRETS, ISSUER, OPERATOR, PLANNER

PAGE = (Path(__file__).parents[2] / "docs" / "identities.md").read_text(encoding="utf-8")


def test_the_page_shows_the_roles_that_the_package_has() -> None:
    shown = [json.loads(each) for each in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)]
    scope = "/subscriptions/SUBSCRIPTION/resourceGroups/GROUP"
    assert shown == [each.document(scope) for each in (PLANNER, DEPLOYER, ISSUER, OPERATOR, DEVICE_SECRETS)]


def test_the_issuer_of_vaults_for_devices_reads_no_other_secret() -> None:
    left = ISSUER.without(DEVICE_SECRETS)
    assert not [each for each in left.data_actions if "/secrets/" in each]
    assert set(ISSUER.data_actions) - set(left.data_actions) == set(DEVICE_SECRETS.data_actions)
    assert left.actions == ISSUER.actions
