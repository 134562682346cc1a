"""Microsoft's command line, signed in as a service principal. `tests/az` asks it for more."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.clients.python.saying import GROUND, attempt

CLIENT = "azure-cli"
AZ = str(Path(sys.executable).parent / "az")


def az(*arguments: str) -> Any:
    """What a command prints, which has to succeed."""
    command = [AZ, *arguments, "--output", "json"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout) if done.stdout else None


def main() -> None:
    """Everything."""
    os.environ["AZURE_CORE_COLLECT_TELEMETRY"] = "0"
    vault = ("--vault-name", GROUND["vault"]["name"])
    with attempt("sign in", CLIENT), tempfile.NamedTemporaryFile("w") as secret:  # in a file: anyone can read arguments
        secret.write(os.environ["AZURE_CLIENT_SECRET"])
        secret.flush()
        who = ("--username", os.environ["AZURE_CLIENT_ID"], "--tenant", os.environ["AZURE_TENANT_ID"])
        az("login", "--service-principal", *who, "--password", f"@{secret.name}")
    with attempt("management read", CLIENT):
        assert GROUND["group"] in {each["name"] for each in az("group", "list")}
        assert GROUND["hub"]["name"] in {each["name"] for each in az("iot", "hub", "list")}
        assert az("iot", "dps", "certificate", "list", "--dps-name", GROUND["dps"]["name"], "-g", GROUND["group"])["value"]
    with attempt("management create", CLIENT):
        az("group", "create", "--name", "rg-az", "--location", GROUND["location"], "--tags", "made=by-az")
        az("group", "delete", "--name", "rg-az", "--yes")
    with attempt("vault certificate", CLIENT):
        assert az("keyvault", "certificate", "show", *vault, "--name", "root-g1")["cer"]
    with attempt("vault secret", CLIENT):
        az("keyvault", "secret", "set", *vault, "--name", "az-secret", "--value", "hello")
        assert az("keyvault", "secret", "show", *vault, "--name", "az-secret")["value"] == "hello"
    with attempt("vault key", CLIENT):
        az("keyvault", "key", "create", *vault, "--name", "az-key", "--kty", "EC", "--curve", "P-256")
        assert az("keyvault", "key", "list", *vault)


if __name__ == "__main__":
    main()
