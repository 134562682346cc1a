"""What becomes of an identity when its root is cut off, and when its device has a leaf of the next one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dpsops.model.identity import HubIdentity, cut_off, readmitted

REASON = "dpsops: root-g1 was compromised"


def identity(
    status: str = "enabled", *, reason: str = "", kind: str = "selfSigned", held: tuple[str, str] = ("A", "A")
) -> HubIdentity:
    """An identity that holds a leaf."""
    return HubIdentity("press-07", status, reason, kind, held, "e", {})


def test_an_enabled_identity_is_disabled_with_the_reason_and_holds_the_leaf_that_the_vault_knows() -> None:
    wanted = identity("disabled", reason=REASON, held=("KNOWN", "KNOWN"))
    assert cut_off(identity(held=("FORGED", "FORGED")), "KNOWN", {"NEW"}, "root-g1") == wanted
    assert cut_off(identity(held=("KNOWN", "FORGED")), "KNOWN", {"NEW"}, "root-g1") == wanted


def test_a_disabled_identity_keeps_no_forged_thumbprint_and_the_reason_that_it_has() -> None:
    other = identity("disabled", reason="stolen", held=("FORGED", "FORGED"))
    assert cut_off(other, "KNOWN", set(), "root-g1") == replace(other, thumbprints=("KNOWN", "KNOWN"))


@pytest.mark.parametrize(
    "seen",
    [
        identity(held=("NEW", "NEW")),
        identity(kind="sas", held=("", "")),
        identity("disabled", held=("KNOWN", "KNOWN")),
        identity("disabled", held=("", ""), kind="certificateAuthority"),
    ],
    ids=["a newer root's leaf", "a symmetric key", "disabled and known", "disabled, and the root lets it in"],
)
def test_what_a_cut_leaves_as_it_is(seen: HubIdentity) -> None:
    assert cut_off(seen, "KNOWN", {"NEW"}, "root-g1") == seen


def test_a_device_that_the_vault_does_not_know_is_disabled_as_it_is() -> None:
    assert cut_off(identity(), "", set(), "root-g1") == identity("disabled", reason=REASON)


def test_only_what_this_breach_has_disabled_is_enabled_again() -> None:
    cut = identity("disabled", reason=REASON)
    assert readmitted(cut, "NEW", "root-g1") == identity(held=("NEW", "NEW"))
    for other in (identity(), identity("disabled", reason="stolen"), identity("disabled"), replace(cut, authentication="sas")):
        assert readmitted(other, "NEW", "root-g1") == other
    assert readmitted(cut, "NEW", "root-g2") == cut
