"""Device IDs, and the names of their secrets."""

from __future__ import annotations

import re
import string

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dpsops.errors import InvalidInput
from dpsops.pki.names import device_id, secret_name

LAST = string.ascii_lowercase + string.digits + "-"
OTHER = LAST + "._:"

device_ids = st.builds(str.__add__, st.text(OTHER, max_size=63), st.sampled_from(LAST))


@given(device_ids)
def test_every_id_that_dps_allows_in_lower_case_is_valid(text: str) -> None:
    assert device_id(text) == text


@pytest.mark.parametrize("text", ["a", "7", "-", "press-07", "press-", "a.b_c:d-e", ".a", ":1", "_-", "--", "x" * 64, "xn--a"])
def test_valid_ids(text: str) -> None:
    assert device_id(text) == text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the device ID is empty"),
        (" ", "' ' is not a valid device ID"),
        ("press 07", "'press 07' is not a valid device ID"),
        (" press-07", "is not a valid device ID"),
        ("press-07\n", "'press-07\\n' is not a valid device ID"),
        ("press-07\x00", "is not a valid device ID"),
        ("press.", "is not a valid device ID"),
        ("press_", "is not a valid device ID"),
        ("press:", "is not a valid device ID"),
        ("press/07", "is not a valid device ID"),
        ("press*07", "is not a valid device ID"),
        ("pre\u0455\u0455", "is not a valid device ID"),  # Cyrillic letters that look like s
        ("press\u2010\uff10\uff17", "is not a valid device ID"),  # a hyphen and digits that are not ASCII
        ("press\u0660", "is not a valid device ID"),  # an Arabic digit, for which str.isdigit() is true
        ("stra\xdfe", "is not a valid device ID"),
        ("PRESS 07", "is not a valid device ID"),
        ("Press-07", "'Press-07' has upper case letters"),
        ("x" * 65, "has 65 characters"),
        ("x\n" * 40, "the device ID 'x\\nx\\nx\\nx\\nx\\nx\\nx\\nx\\nx\\nx\\n'... has 80 characters"),
    ],
)
def test_invalid_ids_are_refused_with_a_hint(text: str, words: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        device_id(text)
    assert words in refused.value.message
    assert len(refused.value.message.splitlines()) == 1
    assert refused.value.hint


def test_the_hint_for_upper_case_is_the_id_in_lower_case() -> None:
    with pytest.raises(InvalidInput) as refused:
        device_id("Press-07.B")
    assert refused.value.hint.endswith("write press-07.b")


@given(st.text(max_size=70))
def test_only_ids_that_follow_the_rules_are_valid(text: str) -> None:
    try:
        accepted = device_id(text)
    except InvalidInput:
        return
    assert accepted == text
    assert 1 <= len(accepted) <= 64
    assert set(accepted) <= set(OTHER)
    assert accepted[-1] in LAST


@given(device_ids, device_ids)
@example("a.b", "a-b")
@example("a.b", "a:b")
@example("-a", "a")
@example("a-", "a")
@example("-mfrgg", "abc")
@settings(max_examples=500)
def test_different_devices_have_different_secrets_though_key_vault_ignores_case(one: str, other: str) -> None:
    same_device = one == other
    same_secret = secret_name(device_id(one)).lower() == secret_name(device_id(other)).lower()
    assert same_device == same_secret


@given(st.text(OTHER, max_size=30))
def test_an_id_that_looks_like_the_encoding_of_another_has_another_secret(text: str) -> None:
    encoded = device_id(f"-{text}-")
    lookalike = secret_name(encoded).removeprefix("device-")
    assert secret_name(device_id(lookalike)) != secret_name(encoded)


@given(device_ids)
@example("." * 63 + "a")
def test_secret_names_are_valid_in_key_vault(text: str) -> None:
    """Key Vault REST API, `SecretName`: `^[0-9a-zA-Z-]+$`, 1 to 127 characters."""
    name = secret_name(device_id(text))
    assert re.fullmatch(r"[0-9a-zA-Z-]{1,127}", name)
    assert len(name) <= 111


def test_a_plain_id_is_readable_in_the_secret_name() -> None:
    assert secret_name(device_id("press-07")) == "device-press-07"
    assert secret_name(device_id("press.07")) == "device--obzgk43tfyydo"
