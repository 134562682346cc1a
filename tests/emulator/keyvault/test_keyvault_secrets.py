"""Secrets."""

from __future__ import annotations

from typing import Any

import pytest

from tests.emulator.keyvault.lab import NOW, URL, Lab, policy


def test_set_and_get(lab: Lab) -> None:
    bundle = lab.ok("PUT", "/secrets/s", {"value": "crud"}, version="7.2")
    version = bundle["id"].rpartition("/")[2]
    assert bundle == {
        "value": "crud",
        "id": f"{URL}/secrets/s/{version}",
        "attributes": {
            "enabled": True,
            "created": NOW,
            "updated": NOW,
            "recoveryLevel": "Recoverable+Purgeable",
            "recoverableDays": 90,
        },
    }
    assert lab.ok("GET", "/secrets/s/", version="7.2") == bundle
    assert lab.ok("GET", f"/secrets/s/{version}", version="7.2") == bundle


def test_everything_that_can_be_set(lab: Lab) -> None:
    times = {"nbf": 1_422_864_000, "enabled": True, "exp": 2_527_401_600}
    given = {"value": "v", "contentType": "password", "tags": {"foo": "created"}, "attributes": times}
    bundle = lab.ok("PUT", "/secrets/s", given)
    assert list(bundle) == ["value", "contentType", "id", "attributes", "tags"]
    assert list(bundle["attributes"])[:3] == ["enabled", "nbf", "exp"]
    assert (bundle["contentType"], bundle["tags"]) == ("password", {"foo": "created"})


def test_each_set_is_a_version(lab: Lab) -> None:
    identifiers = [lab.ok("PUT", "/secrets/s", {"value": str(number)})["id"] for number in range(3)]
    assert lab.ok("GET", "/secrets/s")["value"] == "2"
    assert lab.ok("GET", identifiers[0].removeprefix(URL))["value"] == "0"
    items = lab.ok("GET", "/secrets/s/versions")["value"]
    assert [item["id"] for item in items] == sorted(identifiers)
    assert not any("value" in item for item in items)
    (item,) = lab.ok("GET", "/secrets")["value"]
    assert item["id"] == f"{URL}/secrets/s"


def test_update_leaves_the_value_alone(lab: Lab) -> None:
    lab.ok("PUT", "/secrets/s", {"value": "v", "contentType": "password", "tags": {"foo": "created"}})
    lab.clock.advance(2)
    change = {"contentType": "text/plain", "tags": {"foo": "updated"}, "attributes": {"exp": 2_524_723_200}}
    bundle = lab.ok("PATCH", "/secrets/s/", change)
    assert "value" not in bundle
    assert (bundle["contentType"], bundle["tags"], bundle["attributes"]["exp"]) == (
        "text/plain",
        {"foo": "updated"},
        2_524_723_200,
    )
    assert bundle["attributes"]["updated"] == NOW + 2
    assert lab.ok("GET", "/secrets/s/") == {"value": "v"} | bundle


def test_one_version_is_disabled(lab: Lab) -> None:
    """What a list shows of a name is its newest version, enabled or not; the other versions stay as they are."""
    first, second = (lab.ok("PUT", "/secrets/s", {"value": value, "tags": {"v": value}})["id"] for value in "12")
    lab.ok("PATCH", first.partition(".net")[2], {"attributes": {"enabled": False}})
    assert lab.refused("GET", first.partition(".net")[2])[:2] == (403, "SecretDisabled")
    assert lab.ok("GET", "/secrets/s")["value"] == "2"
    assert [each["attributes"]["enabled"] for each in lab.ok("GET", "/secrets")["value"]] == [True]
    shown = {each["id"]: (each["attributes"]["enabled"], each["tags"]) for each in lab.ok("GET", "/secrets/s/versions")["value"]}
    assert shown == {first: (False, {"v": "1"}), second: (True, {"v": "2"})}
    lab.ok("PATCH", second.partition(".net")[2], {"attributes": {"enabled": False}})
    assert lab.refused("GET", "/secrets/s")[:2] == (403, "SecretDisabled")
    listed = lab.ok("GET", "/secrets")["value"]
    assert [(each["id"].rpartition("/")[2], each["attributes"]["enabled"], each["tags"]) for each in listed] == [
        ("s", False, {"v": "2"})
    ]


def test_a_disabled_secret_is_not_given_out(lab: Lab) -> None:
    lab.ok("PUT", "/secrets/s", {"value": "v"})
    lab.ok("PATCH", "/secrets/s/", {"attributes": {"enabled": False}})
    refused = lab.refused("GET", "/secrets/s/")
    assert refused == (403, "SecretDisabled", "Operation get is not allowed on a disabled secret.")


def test_an_expired_secret_is_still_given_out(lab: Lab) -> None:
    lab.ok("PUT", "/secrets/s", {"value": "v", "attributes": {"exp": int(NOW) + 10}})
    lab.clock.advance(10)
    assert lab.ok("GET", "/secrets/s/")["value"] == "v"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"value": 7},
        {"value": "x" * 25_601},
        {"value": "é" * 12_801},
        {"value": "x", "contentType": 1},
        {"value": "x", "tags": {str(number): "x" for number in range(16)}},
        {"value": "x", "tags": {"name": "x" * 257}},
        {"value": "x", "attributes": {"nbf": 20, "exp": 10}},
    ],
)
def test_invalid_secrets(lab: Lab, body: dict[str, Any]) -> None:
    assert lab.refused("PUT", "/secrets/s", body)[:2] == (400, "BadParameter")


def test_limits_can_be_reached(lab: Lab) -> None:
    tags = {f"{number:0256}": "x" * 256 for number in range(15)}
    lab.ok("PUT", "/secrets/" + "n" * 127, {"value": "x" * 25_600, "tags": tags})


@pytest.mark.parametrize("name", ["n" * 128, "under_score", "dot.dot", "ü"])
def test_names(lab: Lab, name: str) -> None:
    assert lab.refused("PUT", f"/secrets/{name}", {"value": "x"})[:2] == (400, "BadParameter")


def test_names_keep_their_case_and_are_found_in_any(lab: Lab) -> None:
    lab.ok("PUT", "/secrets/MyName", {"value": "1"})
    assert lab.ok("PUT", "/secrets/myname", {"value": "2"})["id"].startswith(f"{URL}/secrets/MyName/")
    assert len(lab.ok("GET", "/secrets/MYNAME/versions")["value"]) == 2


@pytest.mark.parametrize(("path", "identifier"), [("/secrets/nobody/", "nobody"), ("/secrets/nobody/0123", "nobody/0123")])
def test_not_found(lab: Lab, path: str, identifier: str) -> None:
    status, code, message = lab.refused("GET", path)
    assert (status, code) == (404, "SecretNotFound")
    assert message.startswith(
        f"A secret with (name/id) {identifier} was not found in this key vault. If you recently deleted this"
    )


def test_a_body_that_is_no_json(lab: Lab) -> None:
    assert lab.refused("PUT", "/secrets/s")[:2] == (400, "BadParameter")
    assert lab.refused("PUT", "/secrets/s", ["value"])[:2] == (400, "BadParameter")


def test_a_certificates_secret(lab: Lab) -> None:
    lab.ok("POST", "/certificates/c/create", policy() | {"tags": {"a": "b"}})
    bundle = lab.ok("GET", "/secrets/c/")
    version = bundle["id"].rpartition("/")[2]
    assert list(bundle) == ["value", "contentType", "id", "managed", "attributes", "tags", "kid"]
    assert (bundle["managed"], bundle["kid"]) == (True, f"{URL}/keys/c/{version}")
    assert bundle["attributes"] == lab.ok("GET", "/certificates/c/")["attributes"]
    (item,) = lab.ok("GET", "/secrets")["value"]
    assert (item["contentType"], item["managed"]) == ("application/x-pkcs12", True)


def test_a_certificates_secret_is_changed_through_the_certificate_only(lab: Lab) -> None:
    lab.ok("POST", "/certificates/c/create", policy())
    lab.ok("GET", "/certificates/c/pending")
    for method, path, body in (
        ("PATCH", "/secrets/c/", {"attributes": {"enabled": False}}),
        ("DELETE", "/secrets/c", None),
        ("PUT", "/secrets/c", {"value": "mine"}),
        ("POST", "/secrets/c/backup", None),
    ):
        status, code, message = lab.refused(method, path, body)
        assert (status, code) == (403, "Forbidden")
        assert "associated with a certificate" in message


@pytest.mark.parametrize(
    ("method", "path", "body"), [("PUT", "/secrets/c", {"value": "x"}), ("POST", "/keys/c/create", {"kty": "EC"})]
)
def test_a_certificate_does_not_take_over_what_has_its_name(lab: Lab, method: str, path: str, body: dict[str, str]) -> None:
    lab.ok(method, path, body)
    assert lab.refused("POST", "/certificates/c/create", policy())[:2] == (409, "Conflict")


def test_a_content_type_has_at_most_255_characters(lab: Lab) -> None:
    assert lab.ok("PUT", "/secrets/s", {"value": "v", "contentType": "t" * 255})["contentType"] == "t" * 255
    assert lab.refused("PUT", "/secrets/s", {"value": "v", "contentType": "t" * 256})[:2] == (400, "BadParameter")
    assert lab.refused("PATCH", "/secrets/s", {"contentType": "t" * 256})[:2] == (400, "BadParameter")


@pytest.mark.parametrize("content_type", ["", "text/plain"])
def test_only_json_is_read(lab: Lab, content_type: str) -> None:
    status, code, _ = lab.refused("PUT", "/secrets/s", {"value": "v"}, content_type=content_type)
    assert (status, code) == (415, "UnsupportedMediaType")
    assert lab.call("GET", "/secrets", content_type=content_type).status == 200
