"""An `az` of the tests, on PATH: a script that answers as the real one does, and writes down how it was called."""

from __future__ import annotations

import base64
import json
import os
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest

HOME = "00000000-0000-0000-0000-00000000000a"
GUEST = "00000000-0000-0000-0000-00000000000b"
DEFAULT = "00000000-0000-0000-0000-000000000001"
OTHER = "00000000-0000-0000-0000-000000000002"

_SCRIPT = """
import json, sys
from pathlib import Path
here = Path(__file__).parent
asked = sys.argv[1:]
with (here / "asked").open("a") as log:
    print(json.dumps(asked), file=log)
given = json.loads((here / "given").read_text())
def option(name):
    return asked[asked.index(name) + 1] if name in asked else None
def fail(text):
    sys.exit(f"WARNING: This command is about to change.\\nERROR: {text}")
if given["failure"] and asked[:2] == ["account", given["fails"]]:
    fail(given["failure"])
if option("--subscription") and option("--tenant"):
    fail("Please specify only one of subscription and tenant, not both")
named = option("--subscription")
account = given["accounts"].get(named) if named else next(iter(given["accounts"].values()), None)
if named and not account:
    fail(f"Subscription '{named}' not found. Check the ID or name and try again.")
if not account:
    fail("Please run 'az login' to setup account.")
if asked[:2] == ["account", "show"]:
    print(json.dumps(account))
elif asked[:2] == ["account", "get-access-token"]:
    tenant = option("--tenant") or account["tenantId"]
    print(json.dumps({"accessToken": given["token"], "expires_on": 4000000000, "tenant": tenant}))
"""


class Az:
    """What the `az` knows, and how it has been called."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._failing = ("", "")
        self._accounts: dict[str, dict[str, Any]] = {}
        (directory / "az.py").write_text(_SCRIPT)
        program = directory / "az"
        program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -S {shlex.quote(str(directory / "az.py"))} "$@"\n')
        program.chmod(0o700)
        self._write()

    def sign_in(self, subscription: str, tenant: str = HOME, cloud: str = "AzureCloud") -> None:
        """Makes `az` know a subscription; the first one is the default."""
        self._accounts[subscription] = {
            "environmentName": cloud, "id": subscription, "isDefault": not self._accounts, "name": "Devices", "state": "Enabled",
            "tenantId": tenant, "user": {"name": "me@example.com", "type": "user"},
        }  # fmt: skip
        self._write()

    def fail(self, command: str, message: str) -> None:
        """Makes `az account COMMAND` fail with this on stderr."""
        self._failing = (command, message)
        self._write()

    @property
    def asked(self) -> list[list[str]]:
        """The arguments of each call."""
        log = self._directory / "asked"
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []

    def _write(self) -> None:
        claims = base64.urlsafe_b64encode(json.dumps({"oid": "me", "scp": "user_impersonation"}).encode()).decode().rstrip("=")
        fails, failure = self._failing
        given = {"accounts": self._accounts, "fails": fails, "failure": failure, "token": f"none.{claims}.none"}
        (self._directory / "given").write_text(json.dumps(given))


@pytest.fixture
def az(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Az:
    """An `az`, in which nobody is signed in; it is the only program on PATH, and the only way to sign in."""
    directory = tmp_path / "bin"
    directory.mkdir()
    monkeypatch.setenv("PATH", str(directory))
    for name in [name for name in os.environ if name.startswith(("AZURE_", "MSI_", "IDENTITY_", "IMDS_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "dev")  # else azure-identity looks for a managed identity in the network
    return Az(directory)
