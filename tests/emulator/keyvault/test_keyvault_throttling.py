"""How much a vault takes, and what it says to more."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from dpsops.emulator.habits import Habits
from dpsops.emulator.http import Refusal, Response
from dpsops.emulator.keyvault import throttling, vaults
from dpsops.emulator.keyvault.material import KeyType
from tests.emulator.keyvault.lab import VAULT, Lab, policy

Ask = Callable[[], Response]


def accepted(ask: Ask, most: int) -> int:
    """How many times in a row the vault takes it."""
    return next((count for count in range(most + 1) if ask().status == 429), most + 1)


def put_secret(lab: Lab, vault: str = "kv-test") -> Ask:
    return lambda: lab.call("PUT", "/secrets/s", {"value": "x"}, vault=vault)


def test_secrets(lab: Lab) -> None:
    ask = put_secret(lab)
    assert accepted(ask, 300) == 300
    answer = ask()
    assert answer.status == 429
    message = "Request was not processed because too many requests were received. Reason: VaultRequestTypeLimitReached"
    assert answer.body == {"error": {"code": "Throttled", "message": message}}
    assert answer.headers["Retry-After"] == "10"
    lab.clock.advance(4.5)
    assert ask().headers["Retry-After"] == "6"


def test_a_throttled_request_does_not_count(lab: Lab) -> None:
    ask = put_secret(lab)
    assert accepted(ask, 300) == 300
    lab.clock.advance(9)
    for _ in range(50):
        assert ask().status == 429
    lab.clock.advance(1)
    assert accepted(ask, 300) == 300


def test_imports_share_the_limit_of_secrets(lab: Lab) -> None:
    assert accepted(lambda: lab.call("POST", "/certificates/c/import", {"value": "AA=="}), 100) == 101
    assert accepted(lambda: lab.call("PUT", "/keys/k", {"key": {}}), 98) == 99
    assert accepted(put_secret(lab), 100) == 100
    assert lab.call("GET", "/secrets").status == 200, "reading has a limit of its own"


def test_keys_and_certificates_are_made_slowly(lab: Lab) -> None:
    assert accepted(lambda: lab.call("POST", "/keys/k/create", {"kty": "EC"}), 11) == 12
    count = iter(range(100))
    assert accepted(lambda: lab.call("POST", f"/certificates/c{next(count)}/create", policy()), 8) == 8


def test_hsm_keys_are_made_more_slowly(lab: Lab) -> None:
    lab.create_vault("kv-premium", sku={"family": "A", "name": "premium"})
    assert accepted(lambda: lab.call("POST", "/keys/k/create", {"kty": "EC-HSM"}, vault="kv-premium"), 10) == 10


def test_each_vault_has_its_own_limit_and_five_of_them_that_of_the_subscription(lab: Lab) -> None:
    vaults = [f"kv-number-{number}" for number in range(6)]
    for vault in vaults:
        lab.create_vault(vault)
    for vault in vaults[:5]:
        assert accepted(put_secret(lab, vault), 299) == 300
    lab.clock.advance(5)
    sixth = put_secret(lab, vaults[5])
    assert {sixth().status for _ in range(300)} == {429}
    lab.clock.advance(5)
    assert accepted(put_secret(lab, vaults[5]), 300) == 300, "what the subscription refused did not count for the vault"


@pytest.mark.parametrize(
    ("key", "count"),
    [
        (KeyType("EC", 256, "P-256"), 4000),
        (KeyType("EC-HSM", 256, "P-256"), 2000),
        (KeyType("RSA", 2048), 4000),
        (KeyType("RSA", 3072), 1000),
        (KeyType("RSA", 4096), 500),
        (KeyType("RSA-HSM", 4096), 250),
        (KeyType("RSA", 1024), 4000),
        (KeyType("RSA", 8192), 500),
    ],
)
def test_signatures(key: KeyType, count: int) -> None:
    assert throttling.key_use(key).requests == count


def test_signing_is_counted(lab: Lab) -> None:
    lab.ok("POST", "/keys/k/create", {"kty": "EC"})
    assert accepted(lambda: lab.call("POST", "/keys/k//sign"), 4000) == 4000
    assert lab.call("POST", "/keys/k//verify").status == 429, "all that a key does counts together"
    lab.ok("POST", "/keys/other/create", {"kty": "EC", "crv": "P-384"})
    assert lab.call("POST", "/keys/other//sign").status == 429, "and with what keys of another type do"
    assert lab.call("GET", "/keys/k").status == 429, "and to read a key is one more"
    assert lab.call("GET", "/keys").status == 200


def test_what_keys_of_several_types_do_counts_by_weight(lab: Lab) -> None:
    """The example of the documentation: 248 operations of an RSA-HSM key of 4,096 bits and 16 of one of 2,048."""
    large, small = (throttling.key_use(KeyType("RSA-HSM", size)) for size in (4096, 2048))
    with lab.world() as world:
        vault = vaults.require(world, VAULT)
        for limit, times in ((large, 248), (small, 16)):
            for _ in range(times):
                throttling.take(world, vault, limit)
        with pytest.raises(Refusal):
            throttling.take(world, vault, small)


def test_what_is_no_creation_of_a_secret_has_a_limit_of_its_own(lab: Lab) -> None:
    version = lab.ok("PUT", "/secrets/s", {"value": "x"})["id"].rpartition("/")[2]
    assert accepted(put_secret(lab), 300) == 299
    for method, path in (
        ("GET", "/secrets"),
        ("GET", "/secrets/s/versions"),
        ("GET", "/secrets/s"),
        ("GET", f"/secrets/s/{version}"),
        ("PATCH", f"/secrets/s/{version}"),
    ):
        assert lab.call(method, path, {} if method == "PATCH" else None).status == 200, path
    lab.clock.advance(10)
    assert accepted(lambda: lab.call("GET", "/secrets/s"), 4000) == 4000
    assert lab.call("PATCH", "/secrets/s", {}).status == 429
    assert lab.call("PUT", "/secrets/s", {"value": "x"}).status == 200


def test_no_ten_seconds_have_more_wherever_they_begin(lab: Lab) -> None:
    taken: list[float] = []
    for pause in (0.0, 3.3, 3.3, 3.3, 0.2, 2.9, 7.1, 0.1, 0.1, 9.7) * 3:
        lab.clock.advance(pause)
        taken += [lab.clock.now()] * accepted(put_secret(lab), 120)
    assert max(sum(begin <= each < begin + 10 for each in taken) for begin in taken) == 300


def test_after_the_time_that_it_names_there_is_room(lab: Lab) -> None:
    ask = put_secret(lab)
    for _ in range(3):
        assert accepted(ask, 99) == 100
        lab.clock.advance(2.6)
    for _ in range(4):
        lab.clock.advance(float(ask().headers["Retry-After"]))
        assert accepted(ask, 300) == 100


def test_a_vault_elsewhere_may_take_as_many_secrets_as_other_requests(lab: Lab) -> None:
    lab.azure.habits = Habits(secret_creates=400)
    assert accepted(put_secret(lab), 400) == 400
