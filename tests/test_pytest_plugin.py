"""The plugin of pytest, in a pytest of its own: what a project's tests find, and what they leave."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "docs" / "examples" / "test-your-code"


def pytest_in(directory: Path, *words: str) -> str:
    """What pytest says of the tests in a directory, all of which have to pass, with warnings."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV_", "AZURE_"))}
    plugins = ("no:dpsops", "dpsops.pytest_plugin", "no:cacheprovider")  # not by its entry point: that is of what is installed
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *(f"-p{each}" for each in plugins), *words],
        cwd=directory, env=inherited | {"PYTHONPATH": str(ROOT), "HTTPS_PROXY": "http://former:1", "no_proxy": "*"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_example_passes(tmp_path: Path) -> None:
    project = Path(shutil.copytree(EXAMPLE, tmp_path / "project", ignore=shutil.ignore_patterns("__pycache__")))
    assert "4 passed" in pytest_in(project, f"--basetemp={tmp_path / 'base'}")


PROJECT = """
import asyncio
import os
import subprocess
import sys

import pytest
from azure.core.exceptions import HttpResponseError
from azure.identity import DefaultAzureCredential
from azure.identity.aio import EnvironmentCredential as AsyncCredential
from azure.mgmt.resource.resources import ResourceManagementClient
from azure.mgmt.resource.resources.aio import ResourceManagementClient as AsyncClient

from dpsops.emulator.faults import Fault, Refuse
from dpsops.emulator.http import Response

NAMES = ("HTTPS_PROXY", "no_proxy", "NO_PROXY", "REQUESTS_CA_BUNDLE", "AZURE_CLIENT_SECRET")
BEFORE = {name: os.environ.get(name) for name in NAMES}


def groups():
    return ResourceManagementClient(DefaultAzureCredential(), os.environ["AZURE_SUBSCRIPTION_ID"]).resource_groups


@pytest.fixture(scope="session")
def embedded_azure_ready():
    groups().create_or_update("rg-ready", {"location": "westeurope"})
    return "rg-ready"


def test_what_was_made_ready_is_found_first(embedded_azure_ready, embedded_azure, embedded_azure_clock, embedded_azure_faults):
    groups().create_or_update("rg-mine", {"location": "westeurope"})
    assert {each.name for each in groups().list()} == {"rg-ready", "rg-mine"}
    embedded_azure_clock.advance(86_400)
    embedded_azure_faults.add(Fault(Refuse(Response(503, {})), times=None))
    with pytest.raises(HttpResponseError):
        groups().get("rg-ready")


def test_nothing_of_another_test_is_left(embedded_azure, embedded_azure_clock):
    assert [each.name for each in groups().list()] == ["rg-ready"]
    assert embedded_azure_clock.advanced == 0


def test_asynchronous_clients_find_it_with_the_ca(embedded_azure):
    async def names():
        trust = {"connection_verify": os.environ["SSL_CERT_FILE"]}
        async with AsyncCredential(**trust) as credential:
            async with AsyncClient(credential, os.environ["AZURE_SUBSCRIPTION_ID"], **trust) as client:
                return [each.name async for each in client.resource_groups.list()]

    assert asyncio.run(names()) == ["rg-ready"]


def test_children_find_it_too(embedded_azure):
    code = "import os, requests; print(requests.get('https://management.azure.com/subscriptions').status_code)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "401\\n"
    assert os.environ["HTTPS_PROXY"] == embedded_azure.proxy_url
    assert (os.environ["NO_PROXY"], "no_proxy" in os.environ) == ("localhost,127.0.0.1,::1", False)


def test_without_the_fixture_the_variables_are_what_they_were():
    assert {name: os.environ.get(name) for name in NAMES} == BEFORE
    assert BEFORE["HTTPS_PROXY"] == "http://former:1"


def test_commands_of_dpsops_use_it(dpsops, embedded_azure, embedded_azure_directory):
    assert dpsops("local", "env")["HTTPS_PROXY"] == embedded_azure.proxy_url
    assert dpsops("status")["environment"] == "local"
    with pytest.raises(subprocess.CalledProcessError) as failed:
        dpsops("device", "export", "nobody")
    assert "dpsops: error: " in failed.value.stderr
    assert (embedded_azure_directory / ".dpsops" / "ca.pem").samefile(os.environ["SSL_CERT_FILE"])
"""


def test_a_test_finds_what_was_made_ready_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "test_project.py").write_text(PROJECT, encoding="utf-8")
    assert "6 passed" in pytest_in(tmp_path, "-Werror", f"--basetemp={tmp_path / 'base'}")


def test_who_does_not_use_it_does_not_pay_for_it() -> None:
    code = "import sys, pytest; before = set(sys.modules); import dpsops.pytest_plugin; print(*sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["dpsops", "dpsops.pytest_plugin"]
