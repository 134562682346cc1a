"""What dpsops is compared with: each does what it says, beside an embedded Azure with and without limits."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bench import bare, openssl_loop
from bench.served import ROOT, Unlimited, dpsops, served, settle
from dpsops.emulator.keyvault.throttling import SECRET_CREATE

MORE = SECRET_CREATE.count + 20
"""Leaves for which a vault with its limits has no room at once."""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("bench")
    settle(directory, bare.SETTINGS)
    return directory


def test_bare_leaves_are_stored_as_fast_as_they_come(place: Path) -> None:
    with served(place, unlimited=True) as server:
        cost = asyncio.run(bare.measured(server, MORE, in_flight=16))
        listed = json.loads(dpsops(place, "--output", "json", "device", "list"))["devices"]

    assert cost.leaves == MORE
    assert min(cost.cpu, cost.server, cost.rate, cost.milliseconds) > 0
    assert {device["device"] for device in listed} >= {f"bare-{number}" for number in range(MORE)}


def test_with_its_limits_the_vault_has_no_room_for_them(place: Path) -> None:
    with served(place) as server, pytest.raises(ConnectionError, match="429"):
        asyncio.run(bare.measured(server, MORE, in_flight=16))


def test_a_meter_without_limits() -> None:
    meter = Unlimited()

    assert {meter.take("secrets", 1, 10.0, 0.0) for _ in range(1000)} == {None}
    meter.give_back("secrets")


def test_it_serves_until_it_is_interrupted_and_says_its_cpu_time(place: Path) -> None:
    command = [sys.executable, "-m", "bench.served"]
    variables = {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, cwd=place, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        assert json.loads(server.stdout.readline())["HTTPS_PROXY"].startswith("http://127.0.0.1:")
        server.send_signal(signal.SIGINT)
        said, complained = server.communicate(timeout=60)

    assert (server.returncode, complained) == (0, "")
    assert float(said.removesuffix(" s of CPU\n")) > 0


def test_a_loop_of_openssl() -> None:
    assert 0.001 < openssl_loop.measure(2) < 10
