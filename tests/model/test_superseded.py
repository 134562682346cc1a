"""Tests of which versions of a device's secret are superseded."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from dpsops.model.device import Leaf, SecretVersion
from dpsops.model.earlier import EarlierLeaf
from dpsops.model.superseded import may_have_superseded, superseded

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
TRUSTED = (2,)


def version(name: str, created: int = 0, generation: int = 2, days: float = 100, *, blocked: bool = False) -> SecretVersion:
    """A version whose name is its thumbprint. `created`: so many days ago."""
    leaf = Leaf("press-07", name, generation, NOW + days * DAY, blocked)
    return SecretVersion(name, name, NOW - created * DAY, {}, leaf, "kv")


def names(
    versions: list[SecretVersion], used: str, pinned: Collection[str] = (), trusted: Collection[int] = TRUSTED
) -> list[str]:
    return [each.version for each in superseded(versions, used, pinned, trusted, NOW)]


NEWEST, VALID, EXPIRED, UNTRUSTED = version("D", 1), version("C", 2), version("B", 3, days=-1), version("A", 4, generation=1)
ALL = [NEWEST, VALID, EXPIRED, UNTRUSTED]


def test_what_nobody_can_use_is_superseded() -> None:
    assert names(ALL, "D") == ["B", "A"]
    assert names(ALL, "D", trusted=(1, 2)) == ["B"]


def test_what_the_device_uses_and_what_is_newer_stays() -> None:
    assert names(ALL, "C") == ["B", "A"]
    assert names(ALL, "B") == ["A"]
    assert names(ALL, "A") == []
    assert names([version("E", 0, days=-1), *ALL], "D") == ["B", "A"]


def test_nothing_is_superseded_if_nobody_knows_what_the_device_uses() -> None:
    assert names(ALL, "") == names(ALL, "F") == []


def test_what_an_enrollment_holds_stays() -> None:
    assert names(ALL, "D", pinned={"D", "B"}) == ["A"]


def test_nothing_of_a_blocked_device_is_superseded() -> None:
    assert names([*ALL, version("0", 5, blocked=True)], "D") == []


def test_one_of_the_same_second_or_without_a_date_stays() -> None:
    assert names([NEWEST, version("B", 1, days=-1)], "D") == []
    undated = SecretVersion("B", "B", None, {}, version("B", days=-1).leaf, "kv")
    assert names([NEWEST, undated], "D") == []
    assert names([SecretVersion("D", "D", None, {}, NEWEST.leaf, "kv"), EXPIRED], "D") == []


def test_a_version_that_dpsops_did_not_write_stays() -> None:
    foreign = SecretVersion("B", "B", NOW - 9 * DAY, {}, None, "kv")
    unreadable = version("A", 9, generation=0)
    endless = SecretVersion("0", "0", NOW - 9 * DAY, {}, Leaf("press-07", "0", 2, None, blocked=False), "kv")
    assert names([NEWEST, foreign, unreadable, endless], "D") == []


def test_a_certificate_in_use_stays_in_every_version_that_has_it() -> None:
    assert names([NEWEST, version("D", 2, generation=1), UNTRUSTED], "D") == ["A"]


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(-2, 2)), min_size=1, max_size=6),
    st.integers(0, 6), st.sets(st.integers(0, 6)), st.sets(st.integers(1, 3)),
)  # fmt: skip
def test_never_the_newest_nor_one_that_may_be_used(
    history: list[tuple[int, int, int]], used: int, pinned: set[int], trusted: set[int]
) -> None:
    created, versions = 0, list[SecretVersion]()
    for number, (pause, generation, days) in enumerate(history):
        created += pause
        versions.append(version(str(number), created, generation, days))
    found = {int(each) for each in names(versions, str(used), {str(each) for each in pinned}, trusted)}
    assert not found & {0, used, *pinned}
    for number in found:
        leaf = versions[number].leaf
        assert leaf is not None
        assert number > used
        assert not leaf.is_valid(NOW) or leaf.generation not in trusted


def test_devices_without_earlier_certificates_are_not_asked_for() -> None:
    past = tuple(EarlierLeaf(each, 1, NOW) for each in "AB")

    def leaf(before: tuple[EarlierLeaf, ...] | None, *, blocked: bool = False) -> Leaf:
        return Leaf("press-07", "D", 2, NOW, blocked, before=before)

    assert [may_have_superseded(leaf(each), in_use=True) for each in (None, (), past[:1], past)] == [True, False, True, True]
    assert [may_have_superseded(leaf(each), in_use=False) for each in (None, (), past[:1], past)] == [True, False, False, True]
    assert not may_have_superseded(leaf(past, blocked=True), in_use=True)
