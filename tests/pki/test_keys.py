"""Types of root keys."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpsops.errors import InvalidInput
from dpsops.pki.keys import KeySpec, signing_hash
from tests.pki.authorities import KINDS, key


@pytest.mark.parametrize("kind", [kind + hsm for kind in KINDS for hsm in ("", "-HSM")])
def test_a_key_type_is_written_as_it_was_read(kind: str) -> None:
    assert str(KeySpec.parse(kind)) == kind


def test_a_key_type_is_read() -> None:
    assert KeySpec.parse("RSA-3072") == KeySpec("RSA", 3072, hsm=False)
    assert KeySpec.parse("EC-P384-HSM") == KeySpec("EC", 384, hsm=True)


@pytest.mark.parametrize(
    "text",
    ["", "RSA", "EC", "RSA-1024", "RSA-8192", "RSA-P256", "EC-256", "EC-P521", "EC-P256K", "rsa-2048", "RSA-2048-hsm",
     "RSA-2048\n", " RSA-2048", "RSA-2048-HSM-HSM", "RSA-\u0662\u0660\u0664\u0668", "HSM"],
)  # fmt: skip
def test_other_types_are_refused_with_a_hint(text: str) -> None:
    with pytest.raises(InvalidInput, match="is not a type of root key") as refused:
        KeySpec.parse(text)
    assert "RSA-3072" in refused.value.hint
    assert "EC-P384" in refused.value.hint


@given(st.text(max_size=20) | st.from_regex(r"(RSA|EC)-P?(2048|3072|4096|256|384|[0-9]+)(-HSM)?\s?"))
def test_any_text_is_written_as_it_was_read_or_refused(text: str) -> None:
    with contextlib.suppress(InvalidInput):
        assert str(KeySpec.parse(text)) == text


@pytest.mark.parametrize("kind", KINDS)
def test_the_hash_is_as_strong_as_the_key(kind: str) -> None:
    assert signing_hash(key(kind).public_key()).name == ("sha384" if kind == "EC-P384" else "sha256")
