"""How long a fleet takes: values worked out by hand from Azure's published limits, and the tables of the document."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bench import jobs, scale
from bench.flow import arithmetic
from bench.jobs import SECRETS, SIGNATURES, Job, Setup
from dpsops.emulator.dps import limits as dps
from dpsops.emulator.iothub import limits as iothub
from dpsops.emulator.keyvault import throttling
from dpsops.emulator.keyvault.material import KeyType

pytestmark = pytest.mark.usefixtures("unmeasured")

ROOT = Path(__file__).parents[2]
HOUR = 3600.0


def seconds(job: Job) -> float:
    return scale.held(job).seconds


@pytest.mark.parametrize(
    ("setup", "hours", "by"),
    [
        (Setup(1_000_000), 9.26, "secrets of a vault"),  # 30 a second
        (Setup(1_000_000, vaults=4), 2.31, "secrets of a vault"),  # 120
        (Setup(1_000_000, vaults=6), 1.85, "secrets of a subscription"),  # 150
        (Setup(1_000_000, vaults=6, root="RSA-3072"), 2.78, "signatures of the root"),  # 100
        (Setup(1_000_000, vaults=6, root="RSA-3072", hsm=True), 5.56, "signatures of the root"),  # 50
        (Setup(1_000_000, root="RSA-4096", hsm=True), 11.11, "signatures of the root"),  # 25
        (Setup(1_000_000, vaults=15, subscriptions=3), 0.694, "signatures of the root"),  # 400
        (Setup(1_000_000, vaults=15, subscriptions=3, hsm=True), 1.39, "signatures of the root"),  # 200
        (Setup(1_000_000, cpu=0.05), 13.9, "the CPU of this program"),  # 20
        (Setup(1_000_000, vaults=6, latency=0.5), 4.34, "connections of this program"),  # 64, each of which answers once a second
        (Setup(1_000_000, vaults=6, latency=0.5, shards=3), 1.85, "secrets of a subscription"),  # 192
    ],
)
def test_issuing_a_million(setup: Setup, hours: float, by: str) -> None:
    job = jobs.issue(setup)

    assert seconds(job) / HOUR == pytest.approx(hours, rel=0.01)
    assert scale.held(job).by == by
    assert job.requests() == 2_000_000


def test_a_page_names_the_next_one() -> None:
    # 40,000 pages in one vault, a twentieth of a second each; the vault would take 400 a second
    (pages,), _ = jobs.renew(Setup(1_000_000)).phases

    assert arithmetic(pages).seconds == pytest.approx(2000, rel=0.01)


def test_each_shard_reads_every_page() -> None:
    assert jobs.renew(Setup(1_000_000, shards=16)).requests() == 2_000_000 + 16 * 40_000


def test_cutting_off_under_both_readings() -> None:
    # 1,000 calls at 100 operations a minute
    assert seconds(jobs.cut_off(Setup(100_000), counted=1)) == pytest.approx(600, rel=0.01)
    assert seconds(jobs.cut_off(Setup(100_000), counted=100)) == pytest.approx(16.67 * HOUR, rel=0.01)
    assert seconds(jobs.cut_off(Setup(100_000, hubs=2), counted=100)) == pytest.approx(8.33 * HOUR, rel=0.01)
    assert seconds(jobs.cut_off(Setup(100_000, units=10), counted=100)) == pytest.approx(1.667 * HOUR, rel=0.01)
    assert seconds(jobs.cut_off(Setup(100_000, sku="S3"), counted=100)) == pytest.approx(1200, rel=0.01)


def test_registering_again() -> None:
    # 1,000 a minute for each DPS; and 100 a minute for each unit, if a hub counts what the DPS writes
    assert seconds(jobs.register(Setup(100_000))) == pytest.approx(100 * 60, rel=0.01)
    assert seconds(jobs.register_counted(Setup(100_000))) == pytest.approx(1000 * 60, rel=0.01)


def test_listing() -> None:
    # 1,000 pages of twins at 20 queries a minute; at 1,000 a minute, for a large hub, they come one after the other
    assert seconds(jobs.look(Setup(100_000))) == pytest.approx(50 * 60, rel=0.01)
    job = jobs.look(Setup(100_000, sku="S3", vaults=10))
    assert seconds(job) == pytest.approx(60, rel=0.01)
    assert job.requests() == 100_000 / 25 + 100_000 / 100


def test_a_rotation_is_as_long_as_its_registrations() -> None:
    # 100 minutes of registrations, beside 56 of reissue, and 10 for each of two looks
    job = jobs.rotation(Setup(100_000, hubs=5))

    assert seconds(job) == pytest.approx((100 + 2 * 10) * 60, rel=0.01)
    assert scale.held(job).by == "registrations of a DPS"


def test_a_breach_reissues_before_it_enables() -> None:
    # 10 minutes of calls, 55.6 of reissue, then 100 of registrations beside 10 of calls
    assert seconds(jobs.breach(Setup(100_000), counted=1)) == pytest.approx((10 + 55.6 + 100) * 60, rel=0.01)


def test_the_limits_are_those_of_the_embedded_azure() -> None:
    assert throttling.SECRET_CREATE.count / throttling.WINDOW == SECRETS
    keys = {f"EC-{curve.replace('-', '')}": KeyType("EC", 0, curve) for curve in ("P-256", "P-384")}
    keys |= {f"RSA-{size}": KeyType("RSA", size, "") for size in (2048, 3072, 4096)}
    assert {name: throttling.key_use(key).requests / throttling.WINDOW for name, key in keys.items()} == SIGNATURES
    assert dps.REGISTRATIONS.count / dps.REGISTRATIONS.window == pytest.approx(1000 / 60)
    for sku in jobs.SKUS:
        hub = {"sku": {"name": sku, "capacity": 1}}
        setup = Setup(1, sku=sku)
        assert setup.registry.rate == pytest.approx(iothub.IDENTITIES.count(hub) / iothub.IDENTITIES.window)
        assert setup.queries.rate == pytest.approx(iothub.QUERIES.count(hub) / iothub.QUERIES.window)


def test_the_document_has_the_tables_that_are_printed() -> None:
    document = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")
    printed = "\n".join(scale.tables()).split("\n\n")

    assert len(printed) == 4
    assert [table for table in printed if f"\n\n{table.strip()}\n" not in document] == []


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bench.scale", *words], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )


def test_one_fleet_as_it_is_typed() -> None:
    done = run("--devices", "1000000", "--vaults", "5", "--root", "EC-P256", "--shards", "16", "--hubs", "2", "--sku", "S3")

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("1,000,000 devices, five vaults, EC-P256, 16 shards, 2 hubs S3, 1 unit:\n")
    assert "| issue | 1.9 h | 1.9 h | secrets of a subscription | 2,000,000 |" in done.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--vaults", "5"], "--devices"),
        (["--devices", "0"], "from 1 on"),
        (["--devices", "many"], "from 1 on"),
        (["--devices", "1", "--latency", "0"], "more than 0"),
        (["--devices", "1", "--root", "DSA"], "EC-P256"),
    ],
)
def test_what_it_does_not_take(words: list[str], said: str) -> None:
    done = run(*words)

    assert done.returncode == 2
    assert said in done.stderr
    assert done.stdout == ""
