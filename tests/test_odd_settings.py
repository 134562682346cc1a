"""`infra/NAME.toml` with any content: it is valid, or the error says what is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dpsops.errors import InvalidInput
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
