"""A device identity after its root was cut off, and after its device got a certificate under the next root."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dpsops.model.identity import HubIdentity, cut_off, reenabled

REASON = "dpsops: root-g1 was compromised"


def identity(
    status: str = "enabled", *, reason: str = "", kind: str = "selfSigned", thumbprints: tuple[str, str] = ("A", "A")
) -> HubIdentity:
    """A device identity with these thumbprints."""
    return HubIdentity("press-07", status, reason, kind, thumbprints, "e", {})


def test_an_enabled_identity_is_disabled_with_a_reason_and_gets_the_thumbprint_from_the_vault() -> None:
    wanted = identity("disabled", reason=REASON, thumbprints=("KNOWN", "KNOWN"))
    assert cut_off(identity(thumbprints=("FORGED", "FORGED")), "KNOWN", {"NEW"}, "root-g1") == wanted
    assert cut_off(identity(thumbprints=("KNOWN", "FORGED")), "KNOWN", {"NEW"}, "root-g1") == wanted


def test_a_disabled_identity_loses_a_forged_thumbprint_and_keeps_its_reason() -> None:
    other = identity("disabled", reason="stolen", thumbprints=("FORGED", "FORGED"))
    assert cut_off(other, "KNOWN", set(), "root-g1") == replace(other, thumbprints=("KNOWN", "KNOWN"))


@pytest.mark.parametrize(
    "seen",
    [
        identity(thumbprints=("NEW", "NEW")),
        identity(kind="sas", thumbprints=("", "")),
        identity("disabled", thumbprints=("KNOWN", "KNOWN")),
        identity("disabled", thumbprints=("", ""), kind="certificateAuthority"),
    ],
    ids=[
        "a certificate under a newer root",
        "a symmetric key",
        "disabled, with the thumbprint from the vault",
        "disabled, and CA-signed",
    ],
)
def test_other_identities_stay_as_they_are(seen: HubIdentity) -> None:
    assert cut_off(seen, "KNOWN", {"NEW"}, "root-g1") == seen


def test_the_identity_of_a_device_that_is_not_in_the_vault_keeps_its_thumbprint() -> None:
    assert cut_off(identity(), "", set(), "root-g1") == identity("disabled", reason=REASON)


def test_only_an_identity_that_this_breach_has_disabled_is_enabled_again() -> None:
    cut = identity("disabled", reason=REASON)
    assert reenabled(cut, "NEW", "root-g1") == identity(thumbprints=("NEW", "NEW"))
    for other in (identity(), identity("disabled", reason="stolen"), identity("disabled"), replace(cut, authentication="sas")):
        assert reenabled(other, "NEW", "root-g1") == other
    assert reenabled(cut, "NEW", "root-g2") == cut


def test_one_to_which_azure_issues_certificates_trusts_the_known_one_alone() -> None:
    seen = identity(kind="certificateAuthority", thumbprints=("", ""))
    wanted = identity("disabled", reason=REASON, thumbprints=("KNOWN", "KNOWN"))
    cut = cut_off(seen, "KNOWN", {"NEW"}, "root-g1", issued=True)
    assert cut == wanted
    assert cut_off(cut, "KNOWN", {"NEW"}, "root-g1", issued=True) == cut
    assert reenabled(cut, "NEW", "root-g1") == identity(thumbprints=("NEW", "NEW"))
    unknown = cut_off(seen, "", set(), "root-g1", issued=True)
    assert (unknown.authentication, unknown.status) == ("certificateAuthority", "disabled")
    assert cut_off(seen, "KNOWN", set(), "root-g1").authentication == "certificateAuthority"
