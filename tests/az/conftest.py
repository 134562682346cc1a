"""An embedded Azure that is served, and the real Azure CLI, signed in to it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Az:
    """The Azure CLI with a separate configuration, and so a separate sign-in."""

    program: str
    environment: Mapping[str, str]

    def __call__(self, *arguments: str) -> Any:
        """Runs a command, which must succeed. Returns the JSON that it prints (None: nothing)."""
        done = self._run(arguments)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout else None

    def refused(self, *arguments: str) -> str:
        """Runs a command, which must fail and print nothing on stdout. Returns its message."""
        done = self._run(arguments)
        assert done.returncode != 0
        assert done.stdout == ""
        return done.stderr

    def _run(self, arguments: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
        command = [self.program, *arguments, "--output", "json"]
        return subprocess.run(
            command, env=self.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False
        )


@dataclass(frozen=True, slots=True, repr=False)
class Served:
    """An embedded Azure with a complete environment, and the variables of `dpsops local env`, one of which is a secret."""

    variables: Mapping[str, str]

    def az(self, configuration: Path) -> Az:
        """The Azure CLI, which uses only this embedded Azure and is not signed in."""
        own = {
            "PATH": os.environ["PATH"],
            "HOME": str(configuration),
            "AZURE_CONFIG_DIR": str(configuration),
            "AZURE_CORE_COLLECT_TELEMETRY": "0",
            "AZURE_CORE_SURVEY_MESSAGE": "0",
            "AZURE_EXTENSION_USE_DYNAMIC_INSTALL": "no",
        }
        pointers = {name: self.variables[name] for name in ("HTTPS_PROXY", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")}
        return Az(os.environ["DPSOPS_TEST_AZ"], own | pointers)

    def signing_in(self, secret: Path) -> tuple[str, ...]:
        """The arguments of az for a sign-in with the client secret in a file: anybody can read the arguments of a process."""
        who = ("--username", self.variables["AZURE_CLIENT_ID"], "--tenant", self.variables["AZURE_TENANT_ID"])
        return ("login", "--service-principal", *who, "--password", f"@{secret}")


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Runs `dpsops up`, `dpsops device issue press-07` and `dpsops local serve`."""
    directory = tmp_path_factory.mktemp("served")
    local = (ROOT / "infra" / "local.toml").read_text()
    (directory / "infra").mkdir()
    (directory / "infra" / "local.toml").write_text(local.replace('key = "RSA-3072"', 'key = "EC-P256"'))
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    dpsops = [sys.executable, "-m", "dpsops", "--env", "local", "--output", "json"]

    def run(*arguments: str) -> dict[str, Any]:
        done = subprocess.run([*dpsops, *arguments], cwd=directory, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        printed: dict[str, Any] = json.loads(done.stdout)
        return printed

    run("up")
    run("device", "issue", "press-07")
    command = [*dpsops, "local", "serve", "--port", "0"]
    with subprocess.Popen(command, cwd=directory, env=environment, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        try:
            assert "the embedded Azure is at http://127.0.0.1:" in server.stderr.readline()
            yield Served(run("local", "env"))
        finally:
            server.terminate()  # not SIGINT, which a background job of a script ignores


@pytest.fixture(scope="session")
def az(served: Served, tmp_path_factory: pytest.TempPathFactory) -> Az:
    """The Azure CLI, signed in as the owner of the subscription."""
    directory = tmp_path_factory.mktemp("az")
    secret = directory / "client-secret"
    secret.touch(mode=0o600)
    secret.write_text(served.variables["AZURE_CLIENT_SECRET"])
    signed_in = served.az(directory / "configuration")
    signed_in(*served.signing_in(secret))
    secret.unlink()
    return signed_in
