"""The files of a device's credential, which TLS needs: in memory, or on a disk where the platform has no other way."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NoReturn

import pytest
import requests

from dpsops.azure.credential_files import files, sweep
from dpsops.azure.provisioning import register_over_https
from dpsops.azure.wire import Wire
from dpsops.errors import Unavailable
from dpsops.pki.bundles import DeviceCredential
from tests.cli.terminal import SOURCE

CREDENTIAL = DeviceCredential("the key", "the chain")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory for temporary files."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def registering_with(monkeypatch: pytest.MonkeyPatch, place: Path) -> dict[Path, int]:
    """The files that TLS gets in a registration and their modes, and those of the directories around them on the disk."""
    seen: dict[Path, int] = {}

    def request(session: requests.Session, *_: Any, **__: Any) -> NoReturn:
        assert session.cert is not None
        chain, key = (Path(name) for name in session.cert)
        assert (chain.read_text(), key.read_text()) == ("the chain", "the key")
        seen.update({path: stat.S_IMODE(path.stat().st_mode) for path in (chain, key, *place.iterdir())})
        raise requests.ConnectionError("no network")

    monkeypatch.setattr(requests.Session, "request", request)
    with pytest.raises(Unavailable, match="DPS cannot be reached: no network"):
        register_over_https("0ne00000000", "press-07", CREDENTIAL, Wire(), lambda _: None)
    return seen


@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="the platform has no files in memory")
def test_the_key_is_in_memory(monkeypatch: pytest.MonkeyPatch, place: Path) -> None:
    assert {path.parent for path in registering_with(monkeypatch, place)} == {Path("/proc/self/fd")}


def test_on_a_disk_only_the_owner_can_read_the_files_and_they_are_deleted_afterwards(
    monkeypatch: pytest.MonkeyPatch, place: Path
) -> None:
    monkeypatch.delattr(os, "memfd_create", raising=False)
    seen = registering_with(monkeypatch, place)
    assert list(seen.values()) == [0o600, 0o600, 0o700]
    assert not any(path.exists() for path in seen)


def test_the_next_run_sweeps_what_a_killed_one_left(monkeypatch: pytest.MonkeyPatch, place: Path) -> None:
    monkeypatch.delattr(os, "memfd_create", raising=False)
    killed = (
        "import os, signal\nif hasattr(os, 'memfd_create'):\n    del os.memfd_create\n"
        "from dpsops.azure.credential_files import files\nfrom dpsops.pki.bundles import DeviceCredential\n"
        "with files(DeviceCredential('the key', 'the chain')):\n    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    variables = os.environ | SOURCE | {"TMPDIR": str(place)}
    assert subprocess.run([sys.executable, "-c", killed], env=variables, check=False).returncode == -signal.SIGKILL
    (left,) = place.iterdir()
    assert (left / "key.pem").read_text() == "the key"
    (others := place / "dpsops-of-somebody").mkdir()
    (others / "notes").touch()
    with files(CREDENTIAL) as (chain, _):
        sweep(place)
        assert set(place.iterdir()) == {others, Path(chain).parent}  # its own are in use
    assert set(place.iterdir()) == {others}
