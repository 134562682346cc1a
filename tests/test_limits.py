"""The desired properties of a twin: the largest that a hub accepts, and the smallest that it refuses."""

from __future__ import annotations

from typing import Any

import pytest

from dpsops.limits import desired_properties


def nested(depth: int) -> dict[str, Any]:
    """So many objects, one in the other."""
    return {} if depth == 1 else {"a": nested(depth - 1)}


def full(size: int, text: str = "x") -> dict[str, Any]:
    """Properties whose JSON has this number of bytes: texts of at most 4,000."""
    names = [chr(ord("a") + number) for number in range(-(-size // 4000))]
    rest = size - len("{}") - len(names) * len('"a":"",') + 1
    lengths = [rest // len(names) + (number < rest % len(names)) for number in range(len(names))]
    return {name: text * length for name, length in zip(names, lengths, strict=True)}


@pytest.mark.parametrize("twin", [
    {},
    {"a": [1, 2, {"b": "c"}], "n": 1.5, "t": True, "nothing": None},
    {"a": "x" * 4096, "b": "ü" * 2048},
    {"a" * 1024: 1, "ü" * 512: 1},
    {"least": -4503599627370496, "most": 4503599627370495},
    nested(10),
    {"a": [[[[[[[[[[[1]]]]]]]]]]]},
    full(32768),
], ids=["nothing", "everything", "strings", "names", "integers", "depth", "lists", "size"])  # fmt: skip
def test_what_a_hub_just_accepts(twin: dict[str, Any]) -> None:
    assert desired_properties(twin) is twin


@pytest.mark.parametrize(("twin", "words"), [
    ({"a": ["x" * 4097]}, "a string in a twin has at most 4096 bytes: 'xxxxx"),
    ({"a": {"b": "ü" * 2049}}, "a string in a twin has at most 4096 bytes: 'üüüüü"),
    ({"a" * 1025: 1}, "a name in a twin has at most 1024 bytes: 'aaaaa"),
    ({"ü" * 513: 1}, "a name in a twin has at most 1024 bytes: 'üüüüü"),
    ({"a": -4503599627370497}, "an integer in a twin is between -4503599627370496 and 4503599627370495"),
    ({"a": [4503599627370496]}, "an integer in a twin is between"),
    (nested(11), "objects in a twin are nested at most 10 deep"),
    ({"a": [nested(10)]}, "objects in a twin are nested at most 10 deep"),
    (full(32769), "the desired properties of a twin have at most 32768 bytes, and these are 32769"),
    ({"a": [1] * 4096}, "the desired properties of a twin have at most 32768 bytes, and these are 32769"),
    ({"a": {"": 1}}, "'' is not a valid name in a twin: use no dots, spaces, $ or control characters"),
], ids=["a string", "bytes of a string", "a name", "bytes of a name", "too little", "too much", "depth", "depth in a list",
        "bytes", "numbers of 8 bytes", "no name"])  # fmt: skip
def test_what_a_hub_just_refuses(twin: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match="twin") as refused:
        desired_properties(twin)
    assert str(refused.value).startswith(words)
    assert len(str(refused.value)) < 150
