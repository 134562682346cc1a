"""Fixtures of pytest for whoever tests a program that uses Azure: the embedded Azure, as new for each test.

Until a test asks for one of them, nothing is imported that pytest has not imported itself.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest

if TYPE_CHECKING:
    from dpsops.emulator.faults import Faults
    from dpsops.emulator.server import EmbeddedAzure
    from dpsops.emulator.world import Clock

_CLEAN = "before-each-test"
_MISLEADING = (
    "AZURE_AUTHORITY_HOST",
    "AZURE_CLIENT_CERTIFICATE_PATH",
    "AZURE_FEDERATED_TOKEN_FILE",
    "AZURE_PASSWORD",
    "AZURE_TOKEN_CREDENTIALS",
    "AZURE_USERNAME",
    "CURL_CA_BUNDLE",
    "https_proxy",
    "no_proxy",
)
"""Variables that would lead a client elsewhere, or sign it in as somebody else."""
_NO_PROXY = "localhost,127.0.0.1,::1"


class Dpsops(Protocol):
    """Runs a command of dpsops in the embedded Azure, in the environment `local`."""

    def __call__(self, *words: str) -> Any:
        """The document that it prints, as with `--output json`. Raises `subprocess.CalledProcessError`, with its `stderr`."""
        ...


@pytest.fixture(scope="session")
def embedded_azure_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of the embedded Azure, where commands of dpsops use it. Settings in `infra/local.toml` here are its own."""
    return tmp_path_factory.mktemp("embedded-azure")


@pytest.fixture(scope="session")
def embedded_azure_server(embedded_azure_directory: Path) -> Iterator[EmbeddedAzure]:
    """The embedded Azure of this process, which runs from the first test that needs it to the end of the session."""
    from dpsops.cli.embedded import STATE_DIRECTORY, announced
    from dpsops.emulator.server import EmbeddedAzure

    place = embedded_azure_directory / STATE_DIRECTORY
    with EmbeddedAzure(place) as azure, announced(azure, place):
        yield azure


@pytest.fixture(scope="session")
def dpsops(embedded_azure_server: EmbeddedAzure, embedded_azure_directory: Path) -> Dpsops:
    """Runs a command of dpsops in the embedded Azure: `dpsops("up")`, `dpsops("device", "issue", "press-07")`."""

    def run(*words: str) -> Any:
        done = subprocess.run(  # noqa: S603  # this program
            [sys.executable, "-m", "dpsops", "--output", "json", *words],
            cwd=embedded_azure_directory, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode != 0:
            failed = subprocess.CalledProcessError(done.returncode, ["dpsops", *words], done.stdout, done.stderr)
            failed.add_note(done.stderr.strip())
            raise failed
        return json.loads(done.stdout)

    return run


@pytest.fixture(scope="session")
def embedded_azure_ready() -> None:
    """What each test is to find: a project overrides this fixture, in the scope of the session, and makes it there."""


@pytest.fixture(scope="session")
def _embedded_azure_clean(embedded_azure_server: EmbeddedAzure, embedded_azure_ready: Any) -> None:
    """The snapshot that each test begins with."""
    embedded_azure_server.snapshot(_CLEAN)


@pytest.fixture
def embedded_azure(embedded_azure_server: EmbeddedAzure, _embedded_azure_clean: None) -> Iterator[EmbeddedAzure]:
    """An Azure on this machine, as `embedded_azure_ready` has left it. Clients in this process and its children find it by the
    environment variables that are set during the test."""
    embedded_azure_server.restore(_CLEAN)
    with _used(embedded_azure_server):
        yield embedded_azure_server


@pytest.fixture
def embedded_azure_clock(embedded_azure: EmbeddedAzure) -> Clock:
    """The clock of the embedded Azure: the real time, until a test advances it."""
    return embedded_azure.azure.clock


@pytest.fixture
def embedded_azure_faults(embedded_azure: EmbeddedAzure) -> Faults:
    """What is to go wrong in the embedded Azure during this test: nothing, until the test adds a fault."""
    return embedded_azure.azure.faults


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef: Any, request: pytest.FixtureRequest) -> Iterator[None]:
    """While `embedded_azure_ready` runs, clients find the embedded Azure as they do in a test."""
    if fixturedef.argname != "embedded_azure_ready":
        return (yield)
    with _used(request.getfixturevalue("embedded_azure_server")):
        return (yield)


@contextmanager
def _used(azure: EmbeddedAzure) -> Iterator[None]:
    """The variables lead clients to this Azure until the block ends; then they are what they were."""
    from dpsops.cli.embedded import variables

    with pytest.MonkeyPatch.context() as changed:
        for name in _MISLEADING:
            changed.delenv(name, raising=False)
        for name, value in (*variables(azure).items(), ("NO_PROXY", _NO_PROXY)):
            changed.setenv(name, value)
        yield
