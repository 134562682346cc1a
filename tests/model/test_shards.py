"""Shards: which devices belong to one, its part of a budget, and how it is written."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpsops.errors import InvalidInput
from dpsops.model.shards import WHOLE, Shard, shard

KNOWN = {
    "press-07": (1, 2, 3, 10, 274),
    "a": (1, 1, 2, 11, 251),
    "-": (1, 2, 2, 10, 250),
    "0": (1, 1, 1, 9, 41),
    "xn--a": (1, 2, 3, 4, 68),
    "press.07:a_b": (1, 1, 2, 13, 357),
    "x" * 64: (1, 1, 2, 1, 793),
}
"""The shard of each device among 1, 2, 3, 16 and 1000, as a shell with `sha256sum` computes it: a factory may rely on it."""


@pytest.mark.parametrize("device", KNOWN)
def test_the_shard_of_a_device_never_changes(device: str) -> None:
    for of, number in zip((1, 2, 3, 16, 1000), KNOWN[device], strict=True):
        assert [each for each in range(1, of + 1) if Shard(each, of).has(device)] == [number]


@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=64), max_size=20), st.integers(1, 50))
def test_shards_never_overlap_and_leave_no_gap(devices: list[str], of: int) -> None:
    shards = [Shard(number, of) for number in range(1, of + 1)]
    assert all(sum(each.has(device) for each in shards) == 1 for device in devices)


@pytest.mark.parametrize("of", [2, 3, 16])
def test_shards_are_about_equal(of: int) -> None:
    devices = [f"press-{number:05}" for number in range(of * 500)]
    for number in range(1, of + 1):
        assert 400 < sum(map(Shard(number, of).has, devices)) < 600


@pytest.mark.parametrize("of", [1, 3, 16])
def test_the_shares_of_all_shards_are_what_azure_allows(of: int) -> None:
    assert sum(Shard(number, of).share(150) for number in range(1, of + 1)) == pytest.approx(150)


def test_all_devices_in_one_run_have_everything() -> None:
    assert WHOLE.has("press-07")
    assert WHOLE.share(150) == 150


@pytest.mark.parametrize(
    ("text", "expected"), [("1/1", Shard(1, 1)), ("3/16", Shard(3, 16)), ("16/16", Shard(16, 16)), ("03/16", Shard(3, 16))]
)
def test_a_shard_is_read(text: str, expected: Shard) -> None:
    assert shard(text) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0/16", "there is no shard 0/16: the number is from 1 to 16"),
        ("17/16", "there is no shard 17/16: the number is from 1 to 16"),
        ("1/0", "there is no shard 1/0: there is at least one"),
        ("0/0", "there is no shard 0/0: there is at least one"),
        ("a/b", "'a/b' is not a shard"),
        ("3 / 16", "'3 / 16' is not a shard"),
        (" 3/16", "' 3/16' is not a shard"),
        ("3/16\n", r"'3/16\n' is not a shard"),
        ("-1/16", "'-1/16' is not a shard"),
        ("3/-16", "'3/-16' is not a shard"),
        ("3", "'3' is not a shard"),
        ("3/", "'3/' is not a shard"),
        ("3/16/2", "'3/16/2' is not a shard"),
        ("", "'' is not a shard"),
        ("٣/16", "'٣/16' is not a shard"),
        ("1/" + "9" * 5000, "is not a shard"),
    ],
)
def test_what_is_no_shard_is_refused(text: str, words: str) -> None:
    with pytest.raises(InvalidInput, match=re.escape(words)) as refused:
        shard(text)
    assert "--shard 3/16" in refused.value.hint
