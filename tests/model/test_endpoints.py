"""What the hosts' answers, and their silence, are taken for."""

from __future__ import annotations

import pytest

from dpsops.model.checkup import Outcome
from dpsops.model.endpoints import Endpoint, clock, reached


@pytest.mark.parametrize(
    ("trouble", "hint"),
    [
        ("SSLError: certificate verify failed: self-signed certificate in chain", "name its CA in REQUESTS_CA_BUNDLE"),
        ("Cannot connect to proxy. Tunnel connection failed: 407", "check the proxy that HTTPS_PROXY names"),
        ("timed out", "check the network"),
    ],
)
def test_what_is_in_the_way_is_named(trouble: str, hint: str) -> None:
    (found,) = reached([Endpoint("the vault kv", "kv.vault.azure.net", trouble, "check the network")])
    assert (found.outcome, found.subject) == (Outcome.FAILED, "kv.vault.azure.net")
    assert trouble in found.detail
    assert hint in found.hint


def answered(*skews: float | None) -> list[Endpoint]:
    return [Endpoint("x", f"{number}", skew=skew) for number, skew in enumerate(skews)]


@pytest.mark.parametrize(
    ("skews", "expected"),
    [
        ((0.0, 1.0, -1.0), Outcome.OK),
        ((61.0, 62.0, 61.0), Outcome.WARNING),
        ((-301.0, -301.0), Outcome.FAILED),
        ((0.0, 4000.0, 0.0), Outcome.OK),  # one of them is wrong, not ours
        ((None, None), Outcome.UNKNOWN),
        ((), Outcome.UNKNOWN),
    ],
)
def test_the_clock_is_judged_by_most_of_them(skews: tuple[float | None, ...], expected: Outcome) -> None:
    assert clock(answered(*skews)).outcome is expected
