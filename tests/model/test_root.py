"""The state of a root: an example of every state, and anything else that a vault might answer."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from hypothesis import given, settings
from hypothesis import strategies as st

from dpsops.errors import Refused
from dpsops.model.root import (
    Absent,
    CsrPending,
    CsrRequested,
    KeyMade,
    KeyRequested,
    Merged,
    ObservedRoot,
    Pending,
    Ready,
    RootState,
    RootVersion,
    classify,
    generation_of,
    plan,
    root_name,
    root_tags,
)
from tests.pki.authorities import NOW, YEAR, by_hand, key, key_usage
from tests.pki.authorities import root as issued

NAME = "root-g1"
KEY, OTHER_KEY = key("EC-P256"), key("EC-P256", 2)
CA = (x509.BasicConstraints(ca=True, path_length=0), True)
NO_CA = (x509.BasicConstraints(ca=False, path_length=None), True)
SIGNS = (key_usage("digitalSignature", "keyCertSign", "cRLSign"), True)

ROOT = issued()
AGAIN = issued(generation=2)  # another CA certificate over the same key
FOREIGN = issued(which=2)
FIRST = by_hand(KEY, NO_CA, SIGNS)  # as Key Vault creates it for a policy with the issuer Self
FIRST_OF_ANOTHER_KEY = by_hand(OTHER_KEY, NO_CA, SIGNS)
BARE = by_hand(KEY)
EXPIRED = by_hand(KEY, CA, SIGNS, begin=NOW - 2 * YEAR, end=NOW)
NOT_YET = by_hand(KEY, CA, SIGNS, begin=NOW + timedelta(days=1))
SIGNS_NOTHING = by_hand(KEY, CA, (key_usage("digitalSignature"), True))

TAGS, SEALED = root_tags("root-g1"), root_tags("root-g1", sealed=True)
CSR = b"the request, in DER"
CSR_OF_ANOTHER_KEY = (
    x509.CertificateSigningRequestBuilder()
    .subject_name(ROOT.subject)
    .sign(OTHER_KEY, hashes.SHA256())
    .public_bytes(serialization.Encoding.DER)
)


def version(certificate: x509.Certificate, tags: dict[str, str] = TAGS, *, enabled: bool = True, name: str = "v1") -> RootVersion:
    """A version in the vault."""
    return RootVersion(name, enabled, tags, certificate, f"https://kv-dpsops-dev.vault.azure.net/keys/{NAME}/{name}")


def observed(*versions: RootVersion, **more: Any) -> ObservedRoot:
    """What the vault shows; the key is not exportable unless `more` says so."""
    return ObservedRoot(NAME, versions, **{"exportable": False if versions else None} | more)


def pending(issuer: str, status: str = "inProgress") -> Pending:
    """A request for a version."""
    return Pending(issuer, status, CSR)


rival = version(FIRST_OF_ANOTHER_KEY, name="v9")
first, disabled = version(FIRST), version(FIRST, enabled=False)
merged, sealed = version(ROOT, name="v2"), version(ROOT, SEALED, name="v2")
wrongly_sealed = version(ROOT, {**TAGS, "sealed": "no"}, name="v2")
by_another_ca = version(by_hand(KEY, CA), SEALED)

STATES: dict[str, tuple[ObservedRoot, RootState]] = {
    "nothing": (observed(), Absent()),
    "a first request that was cancelled": (observed(pending=pending("Self", "cancelled")), Absent()),
    "a first request that failed": (observed(pending=pending("Self", "failed")), Absent()),
    "a first request, just completed": (observed(pending=pending("Self", "completed")), Absent()),
    "the vault is creating the key": (observed(pending=pending("Self")), KeyRequested()),
    "in another case": (observed(pending=pending("self", "INPROGRESS")), KeyRequested()),
    "the key": (observed(first), KeyMade(first)),
    "the key, in a certificate without extensions": (observed(version(BARE)), KeyMade(version(BARE))),
    "the key, its own request completed": (observed(first, pending=pending("Self", "completed")), KeyMade(first)),
    "the key, and a CSR that was cancelled": (observed(first, pending=pending("Unknown", "cancelled")), KeyMade(first)),
    "the key, and a CSR that was merged": (observed(first, pending=pending("Unknown", "completed")), KeyMade(first)),
    "the key, and a request to a public CA": (observed(first, pending=pending("DigiCert")), KeyMade(first)),
    "the key, and a second one requested": (observed(first, pending=pending("Self")), KeyMade(first)),
    "a CSR for another CA": (observed(pending=pending("Unknown")), CsrRequested(CSR)),
    "a CSR": (observed(first, pending=pending("Unknown")), CsrPending(first, CSR)),
    "a CSR, in another case": (observed(first, pending=pending("unknown", "inprogress")), CsrPending(first, CSR)),
    "two runs created a key at the same time": (observed(first, rival), KeyMade(first)),
    "two keys, and a CSR for the second": (
        observed(first, rival, pending=Pending("Unknown", "inProgress", CSR_OF_ANOTHER_KEY)),
        CsrPending(rival, CSR_OF_ANOTHER_KEY),
    ),
    "a key that was created after the seal": (observed(rival, sealed), Merged(sealed, (rival,))),
    "two keys, merged": (observed(first, rival, merged), Merged(merged, (first, rival))),
    "merged": (observed(first, merged), Merged(merged, (first,))),
    "merged, in the other order": (observed(merged, first), Merged(merged, (first,))),
    "merged, the first version disabled": (observed(disabled, merged), Merged(merged)),
    "merged, and a seal with another value": (observed(wrongly_sealed), Merged(wrongly_sealed)),
    "merged, the first version not shown": (observed(merged), Merged(merged)),
    "sealed, but the first version was enabled again": (observed(first, sealed), Merged(sealed, (first,))),
    "finished": (observed(sealed), Ready(sealed)),
    "finished, with the first version": (observed(disabled, sealed), Ready(sealed)),
    "finished, with a disabled version of another key": (
        observed(version(FIRST_OF_ANOTHER_KEY, enabled=False), sealed), Ready(sealed),
    ),
    "finished, and somebody requests another version": (observed(sealed, pending=pending("Self")), Ready(sealed)),
    "finished, without key usage, so everything is allowed": (observed(by_another_ca), Ready(by_another_ca)),
}  # fmt: skip


@pytest.mark.parametrize(("shown", "state"), STATES.values(), ids=STATES)
def test_states(shown: ObservedRoot, state: RootState) -> None:
    assert classify(shown, NOW) == state


OTHER = "the vault has a certificate root-g1 that dpsops did not create ("

REFUSED: dict[str, tuple[ObservedRoot, str]] = {
    "deleted": (observed(deleted=True), "in the vault is deleted, but its name is still in use"),
    "deleted, though versions are shown": (observed(sealed, deleted=True), "in the vault is deleted"),
    "a public CA's CSR": (observed(pending=pending("DigiCert")), "a request for the certificate root-g1 is pending in the vault"),
    "retired": (observed(version(ROOT, {**SEALED, "retired": "yes"}, enabled=False)), "the root root-g1 is retired"),
    "exportable": (observed(sealed, exportable=True), "the private key of root-g1 is exportable"),
    "exportable before it is finished": (observed(first, exportable=True), "the private key of root-g1 is exportable"),
    "unknown whether it is exportable": (observed(sealed, exportable=None), "the private key of root-g1 is exportable"),
    "no tags": (observed(version(ROOT, {})), f"{OTHER}its subject is CN=dpsops test root G1)"),
    "no tags, and CA:FALSE": (observed(version(FIRST, {})), f"{OTHER}it is not a CA certificate (basicConstraints CA:FALSE))"),
    "another role": (observed(version(ROOT, {**SEALED, "dpsops": "device"})), OTHER),
    "another generation": (observed(version(ROOT, root_tags("root-g2", sealed=True))), OTHER),
    "no generation": (observed(version(ROOT, {"dpsops": "root", "sealed": "yes"})), OTHER),
    "one version of two without tags": (observed(sealed, version(FIRST, {}, enabled=False)), OTHER),
    "two CA versions": (observed(sealed, version(AGAIN, name="v3")), "root-g1 has 2 versions with a CA certificate, and dpsops"),
    "two CA versions, one disabled": (observed(sealed, version(AGAIN, enabled=False)), "root-g1 has 2 versions with a CA"),
    "the first version disabled too early": (observed(disabled), "root-g1 was disabled before it was finished"),
    "a CSR for a disabled version": (observed(disabled, pending=pending("Unknown")), "was disabled before it was finished"),
    "expired": (observed(version(EXPIRED, SEALED)), "the root root-g1 expired on 2026-03-01"),
    "not yet valid": (observed(version(NOT_YET, SEALED)), "the root root-g1 is not valid before 2026-03-02 12:00 UTC"),
    "without keyCertSign": (observed(version(SIGNS_NOTHING, SEALED)), "is not allowed to sign certificates"),
    "disabled": (observed(version(ROOT, SEALED, enabled=False)), "the root root-g1 is disabled"),
    "disabled, and not sealed": (observed(version(ROOT, enabled=False), first), "the root root-g1 is disabled"),
}  # fmt: skip


@pytest.mark.parametrize(("shown", "words"), REFUSED.values(), ids=REFUSED)
def test_other_states_are_refused(shown: ObservedRoot, words: str) -> None:
    with pytest.raises(Refused) as refused:
        classify(shown, NOW)
    assert words in refused.value.message
    assert len(refused.value.message.splitlines()) == 1
    assert refused.value.hint


def test_a_root_is_refused_from_the_second_in_which_it_expires() -> None:
    shown = observed(sealed)
    assert classify(shown, ROOT.not_valid_after_utc - timedelta(seconds=1)) == Ready(sealed)
    with pytest.raises(Refused, match="expired on 2036-02-27"):
        classify(shown, ROOT.not_valid_after_utc)


def test_a_later_generation_has_its_own_tags() -> None:
    second = version(AGAIN, root_tags("root-g2", sealed=True))
    assert classify(ObservedRoot("root-g2", (second,), exportable=False), NOW) == Ready(second)
    with pytest.raises(Refused, match="that dpsops did not create"):
        classify(ObservedRoot("root-g2", (sealed,), exportable=False), NOW)


@pytest.mark.parametrize(
    ("name", "generation"),
    [("root-g1", 1), ("root-g12", 12), ("root-g0", None), ("root-g01", None), ("root-g", None), ("root-g-1", None),
     ("root-g1\n", None), ("xroot-g1", None), ("root-g\u0661", None), ("ROOT-G1", None), ("", None)],
)  # fmt: skip
def test_generations(name: str, generation: int | None) -> None:
    assert generation_of(name) == generation
    if generation is not None:
        assert root_name(generation) == name


def test_each_state_has_a_plan_that_gets_shorter_with_each_step() -> None:
    states: list[RootState] = [
        Absent(),
        KeyRequested(),
        KeyMade(first),
        CsrPending(first, CSR),
        CsrRequested(CSR),
        Merged(merged, (first,)),
        Ready(sealed),
    ]
    plans = [[action.action for action in plan(state, NAME)] for state in states]
    assert [len(steps) for steps in plans] == [4, 4, 3, 2, 2, 1, 0]
    assert all(steps[-1] == "check and seal" for steps in plans[:-1])


CERTIFICATES = {
    "root": ROOT, "again": AGAIN, "foreign": FOREIGN, "first": FIRST, "first of another key": FIRST_OF_ANOTHER_KEY,
    "bare": BARE, "expired": EXPIRED, "not yet": NOT_YET, "signs nothing": SIGNS_NOTHING,
}  # fmt: skip
USABLE = [ROOT, AGAIN, FOREIGN]

_tags = st.sampled_from([TAGS, SEALED, root_tags("root-g2"), {}, {"dpsops": "root"}, {"dpsops": "device"}]) | st.dictionaries(
    st.sampled_from(["dpsops", "generation", "sealed", "x"]), st.sampled_from(["root", "1", "yes", ""])
)
_versions = st.builds(
    lambda certificate, tags, enabled, name: version(CERTIFICATES[certificate], tags, enabled=enabled, name=name),
    st.sampled_from(sorted(CERTIFICATES)),
    _tags,
    st.booleans(),
    st.sampled_from(["v1", "v2", "v3", ""]),
)
_pending = st.builds(
    Pending,
    st.sampled_from(["Self", "Unknown", "self", "UNKNOWN", "DigiCert", "", "None"]),
    st.sampled_from(["inProgress", "inprogress", "completed", "cancelled", "failed", "", "None"]),
    st.sampled_from([b"", CSR]),
)
_observed = st.builds(
    ObservedRoot,
    st.sampled_from(["root-g1", "root-g1", "root-g2", "root-g", ""]),
    st.lists(_versions, max_size=4).map(tuple),
    st.none() | _pending,
    st.sampled_from([False, False, True, None]),
    st.sampled_from([False, False, False, True]),
)


def outcome(shown: ObservedRoot) -> RootState | Refused:
    """The state, or the refusal."""
    try:
        return classify(shown, NOW)
    except Refused as refused:
        return refused


@given(_observed)
@settings(max_examples=1000)
def test_anything_that_the_vault_shows_is_one_state_or_refused(shown: ObservedRoot) -> None:
    found = outcome(shown)
    if isinstance(found, Refused):
        assert found.message
        assert len(found.message.splitlines()) == 1
        assert found.hint
        return
    assert not shown.deleted
    match found:
        case Absent() | KeyRequested() | CsrRequested():
            assert shown.versions == ()
        case KeyMade(version_with_key) | CsrPending(version_with_key):
            assert version_with_key in shown.versions
            assert not any(each.certificate in USABLE for each in shown.versions)
            assert version_with_key.enabled
            assert version_with_key.certificate not in USABLE
        case Merged() | Ready():
            assert_usable(found, shown)


def assert_usable(found: Merged | Ready, shown: ObservedRoot) -> None:
    """The root is a valid CA certificate of dpsops, and its key is not exportable."""
    root = found.root
    assert root in shown.versions
    assert shown.exportable is False
    assert root.enabled
    assert root.certificate in USABLE
    assert all(root_tags(shown.name).items() <= each.tags.items() for each in shown.versions)
    enabled = [each for each in shown.versions if each.enabled]
    if isinstance(found, Ready):
        assert enabled == [root]
        assert root.tags["sealed"] == "yes"
    else:
        assert list(found.key_versions) == [each for each in enabled if each.certificate != root.certificate]


@given(_observed)
def test_the_order_of_versions_does_not_change_the_state(shown: ObservedRoot) -> None:
    reversed_order = replace(shown, versions=shown.versions[::-1])
    assert type(outcome(reversed_order)) is type(outcome(shown))
