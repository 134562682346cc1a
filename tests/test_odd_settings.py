"""`infra/NAME.toml` with any content: it is valid, or the error says what is wrong."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dpsops.errors import InvalidInput
from dpsops.settings import load
from tests.settings_texts import COMPLETE, environment


def error_of(directory: Path, text: str) -> InvalidInput | None:
    """The error for a text, or None if the text is valid."""
    try:
        environment(directory, text)
    except InvalidInput as refused:
        return refused
    return None


def attempt(directory: Path, text: str) -> None:
    """Reads a text: it is valid, or the error is a message of one line with a hint."""
    if refused := error_of(directory, text):
        assert refused.message
        assert len(refused.message.splitlines()) == 1
        assert refused.hint


ANY_TEXT = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@given(text=st.text())
@ANY_TEXT
def test_any_text_is_valid_or_gets_a_clear_error(tmp_path: Path, text: str) -> None:
    attempt(tmp_path, text)


@given(at=st.integers(0, len(COMPLETE)), length=st.integers(0, 20), text=st.text(max_size=5))
@ANY_TEXT
def test_any_typo_is_valid_or_gets_a_clear_error(tmp_path: Path, at: int, length: int, text: str) -> None:
    attempt(tmp_path, COMPLETE[:at] + text + COMPLETE[at + length :])


def written(value: Any) -> str:
    """A value in TOML."""
    match value:
        case bool():
            return str(value).lower()
        case str():
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        case list():
            return f"[{', '.join(map(written, value))}]"
        case dict():
            return f"{{{', '.join(f'{written(key)} = {written(each)}' for key, each in value.items())}}}"
        case _:
            return str(value)


_KEYS = st.sampled_from(
    ["location", "resource_group", "subscription", "tags", "vault", "dps", "hub", "root", "leaf", "embedded", "name", "sku",
     "key", "years", "organization", "days", "weight", "operation_seconds", "x"]
)  # fmt: skip
_WORDS = st.sampled_from(["westeurope", "kv-dev", "RSA-2048-HSM"])
_SCALARS = st.booleans() | st.integers() | st.floats() | st.text(max_size=10) | _WORDS
_VALUES = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=5), max_leaves=15
)


@given(document=st.dictionaries(_KEYS, _VALUES, max_size=10))
@ANY_TEXT
def test_any_document_is_valid_or_gets_a_clear_error(tmp_path: Path, document: dict[str, Any]) -> None:
    attempt(tmp_path, "".join(f"{key} = {written(value)}\n" for key, value in document.items()))


@pytest.mark.parametrize(
    "text",
    [
        "a" + ".a" * 20_000 + " = 1",
        '[tags]\n"a"' + '."a"' * 20_000 + " = 1",
        "[" + "a." * 20_000 + "a]",
        "hub = [{x" + " . x" * 20_000 + " = 1}]",
        "x = 1\n" * 200_000,
        '"\\u001b[2Jx\\ny" = 1',
        '"' + "x" * 100_000 + '" = 1',
        "location = " + "9" * 5000,
    ],
    ids=["dots", "quoted dots", "a header of dots", "dots inside", "large", "what a terminal obeys", "a long key", "many digits"],
)
def test_odd_texts_get_a_short_error(tmp_path: Path, text: str) -> None:
    begun = time.process_time()
    refused = error_of(tmp_path, text)
    assert refused is not None
    assert refused.message.isprintable()
    assert len(refused.message) < 2000
    assert time.process_time() - begun < 2, "tomllib takes the square of the parts of a key"


def test_what_is_no_file_is_no_settings_file(tmp_path: Path) -> None:
    for make in (os.mkdir, os.mkfifo):
        path = tmp_path / "dev.toml"
        make(path)
        with pytest.raises(InvalidInput, match="is not a regular file"):
            load("dev", tmp_path)
        path.rmdir() if path.is_dir() else path.unlink()
