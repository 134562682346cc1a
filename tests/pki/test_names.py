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
def test_every_id_that_dps_allows_in_lower_case_is_taken(text: str) -> None:
    assert device_id(text) == text


@pytest.mark.parametrize("text", ["a", "7", "-", "press-07", "press-", "a.b_c:d-e", ".a", ":1", "_-", "--", "x" * 64, "xn--a"])
def test_good_ids(text: str) -> None:
    assert device_id(text) == text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the device ID is empty"),
        (" ", "' ' is no device ID"),
        ("press 07", "'press 07' is no device ID"),
        (" press-07", "is no device ID"),
        ("press-07\n", "'press-07\\n' is no device ID"),
        ("press-07\x00", "is no device ID"),
        ("press.", "is no device ID"),
        ("press_", "is no device ID"),
        ("press:", "is no device ID"),
        ("press/07", "is no device ID"),
        ("press*07", "is no device ID"),
        ("pre\u0455\u0455", "is no device ID"),  # Cyrillic letters that look like s
        ("press\u2010\uff10\uff17", "is no device ID"),  # a hyphen and digits that are no ASCII
        ("press\u0660", "is no device ID"),  # an Arabic digit, for which str.isdigit() is true
        ("stra\xdfe", "is no device ID"),
        ("PRESS 07", "is no device ID"),
        ("Press-07", "'Press-07' has upper case letters"),
        ("x" * 65, "has 65 characters"),
        ("x\n" * 40, "the device ID 'x\\nx\\nx\\nx\\nx\\nx\\nx\\nx\\nx\\nx\\n'... has 80 characters"),
    ],
)
def test_bad_ids_are_refused_with_a_hint(text: str, words: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        device_id(text)
    assert words in refused.value.message
    assert len(refused.value.message.splitlines()) == 1
    assert refused.value.hint


def test_the_hint_for_upper_case_is_the_id_to_write() -> None:
    with pytest.raises(InvalidInput) as refused:
        device_id("Press-07.B")
    assert refused.value.hint.endswith("write press-07.b")


@given(st.text(max_size=70))
def test_whatever_is_taken_is_an_id_by_the_letter_of_the_rules(text: str) -> None:
    try:
        taken = device_id(text)
    except InvalidInput:
        return
    assert taken == text
    assert 1 <= len(taken) <= 64
    assert set(taken) <= set(OTHER)
    assert taken[-1] in LAST


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
def test_an_id_that_is_the_encoding_of_another_has_another_secret(text: str) -> None:
    encoded = device_id(f"-{text}-")
    lookalike = secret_name(encoded).removeprefix("device-")
    assert secret_name(device_id(lookalike)) != secret_name(encoded)


@given(device_ids)
@example("." * 63 + "a")
def test_secret_names_are_names_that_key_vault_takes(text: str) -> None:
    """Key Vault REST API, `SecretName`: `^[0-9a-zA-Z-]+$`, 1 to 127 characters."""
    name = secret_name(device_id(text))
    assert re.fullmatch(r"[0-9a-zA-Z-]{1,127}", name)
    assert len(name) <= 111


def test_a_plain_id_stays_readable() -> None:
    assert secret_name(device_id("press-07")) == "device-press-07"
    assert secret_name(device_id("press.07")) == "device--obzgk43tfyydo"
