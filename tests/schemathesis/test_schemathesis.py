"""Every OpenAPI file of Azure, as Schemathesis reads it, against the embedded Azure: nothing makes it fail, and its answers have
the shape that the file describes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conformance.openapi import ABSENT, FOLDER
from tests.schemathesis.conftest import PROGRAM, Served
from tests.worlds import environment

pytestmark = [
    pytest.mark.skipif(not PROGRAM, reason="DPSOPS_TEST_SCHEMATHESIS names no Schemathesis: make schemathesis does"),
    pytest.mark.skipif(not FOLDER.is_dir(), reason=ABSENT),
]

_SETTINGS = environment()


@dataclass(frozen=True, slots=True)
class Side:
    """Where a service answers, and the scope of its tokens (empty: it wants the certificate of a device)."""

    host: str
    scope: str


_MANAGEMENT = Side("management.azure.com", "https://management.azure.com")
_VAULT = Side(f"{_SETTINGS.vault.name}.vault.azure.net", "https://vault.azure.net")
_SIDES = {
    "authorization": _MANAGEMENT,
    "deviceprovisioningservices-device": Side("global.azure-devices-provisioning.net", ""),
    "deviceprovisioningservices-mgmt": _MANAGEMENT,
    "deviceprovisioningservices-service": Side(
        f"{_SETTINGS.dps.name}.azure-devices-provisioning.net", "https://azure-devices-provisioning.net"
    ),
    "iothub-mgmt": _MANAGEMENT,
    "keyvault-certificates": _VAULT,
    "keyvault-keys": _VAULT,
    "keyvault-mgmt": _MANAGEMENT,
    "keyvault-secrets": _VAULT,
    "resources-deployments": _MANAGEMENT,
}
_FILES = sorted(
    file
    for file in FOLDER.glob("*/*/*.json")
    if file.parts[-3] in _SIDES and json.loads(file.read_text(encoding="utf-8")).get("paths")
)


def test_every_service_has_a_file() -> None:
    assert {file.parts[-3] for file in _FILES} == set(_SIDES)


@pytest.mark.parametrize("file", _FILES, ids=lambda file: file.parts[-3])
def test_a_file(
    file: Path, served: Served, tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    side = _SIDES[file.parts[-3]]
    done, judge = served.run(file, side.host, side.scope, tmp_path)
    wrong = sorted({ascii(each) for each in judge.shapes.violations})
    assert "Traceback" not in capfd.readouterr().err + caplog.text
    assert not wrong, "\n".join(wrong)
    assert not judge.failures, "\n".join(map(ascii, judge.failures))
    assert done.returncode == 0, done.stdout + done.stderr
    assert any(status < 300 for status in judge.statuses), f"Schemathesis has reached nothing: {judge.statuses}"
    assert any(status in (400, 404) for status in judge.statuses)
