"""Lists in pages."""

from __future__ import annotations

import base64
import json

import pytest

from tests.emulator.keyvault.lab import URL, VAULT, Lab


def test_pages(lab: Lab) -> None:
    names = [f"s{number:02}" for number in range(30)]
    for name in reversed(names):
        lab.ok("PUT", f"/secrets/{name}", {"value": "x"})
    first = lab.ok("GET", "/secrets")
    assert [item["id"].rpartition("/")[2] for item in first["value"]] == names[:25]
    assert first["nextLink"].startswith(f"https://{VAULT}.vault.azure.net:443/secrets?api-version=7.4&$skiptoken=ey")
    assert "maxresults" not in first["nextLink"]
    second = lab.ok("GET", "/secrets" + first["nextLink"].partition("/secrets")[2])
    assert [item["id"].rpartition("/")[2] for item in second["value"]] == names[25:]
    assert second["nextLink"] is None


def test_pages_of_a_chosen_size(lab: Lab) -> None:
    for _ in range(5):
        lab.ok("PUT", "/secrets/s", {"value": "x"})
    seen, path, sizes = [], "/secrets/s/versions?maxresults=2", []
    while path:
        page = lab.ok("GET", path)
        sizes.append(len(page["value"]))
        seen += [item["id"] for item in page["value"]]
        link = page["nextLink"] or ""
        assert not link or link.endswith("&maxresults=2")
        path = link.partition(":443")[2]
    assert sizes == [2, 2, 1]
    assert seen == sorted(set(seen))
    assert len(seen) == 5


def test_a_full_last_page_has_no_link(lab: Lab) -> None:
    for name in ("a", "b"):
        lab.ok("PUT", f"/secrets/{name}", {"value": "x"})
    lab.ok("PUT", "/secrets/c", {"value": "x"})
    lab.ok("DELETE", "/secrets/c")
    assert lab.ok("GET", "/secrets?maxresults=2")["nextLink"] is None


IMPOSSIBLE = [
    "maxresults=0",
    "maxresults=26",
    "maxresults=x",
    f"maxresults={'1' * 5000}",
    "$skiptoken=eyJ4IjoxfQ",
    "$skiptoken=eyJOZXh0TWFya2VyIjoiXHVkODAwIn0",
    "$skiptoken=%%",
]


@pytest.mark.parametrize("query", IMPOSSIBLE)
def test_impossible_pages(lab: Lab, query: str) -> None:
    assert lab.refused("GET", f"/secrets?{query}")[:2] == (400, "BadParameter")


def test_lists_hold_one_vault(lab: Lab) -> None:
    lab.create_vault("kv-test-2")
    lab.ok("PUT", "/secrets/mine", {"value": "x"})
    lab.ok("PUT", "/secrets/other", {"value": "x"}, vault="kv-test-2")
    assert [item["id"] for item in lab.ok("GET", "/secrets")["value"]] == [f"{URL}/secrets/mine"]


def test_versions_of_one_name_only(lab: Lab) -> None:
    lab.ok("PUT", "/secrets/a", {"value": "x"})
    lab.ok("PUT", "/secrets/a-b", {"value": "x"})
    assert len(lab.ok("GET", "/secrets/a/versions")["value"]) == 1


def test_the_token_of_a_page_is_json(lab: Lab) -> None:
    for name in ("a", "b"):
        lab.ok("PUT", f"/secrets/{name}", {"value": "x"})
    token = lab.ok("GET", "/secrets?maxresults=1")["nextLink"].partition("$skiptoken=")[2].partition("&")[0]
    assert set(json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))) == {"NextMarker", "TargetLocation"}
