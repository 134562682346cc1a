"""The files of a device's credential, which TLS needs."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any, NoReturn

import pytest
import requests

from dpsops.azure.provisioning import Wire, register_over_https
from dpsops.errors import Unavailable
from dpsops.pki.bundles import DeviceCredential


def test_only_the_owner_can_read_the_files_and_they_are_deleted_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[Path, int] = {}

    def put(session: requests.Session, *_: Any, **__: Any) -> NoReturn:
        assert session.cert is not None
        chain, key = (Path(name) for name in session.cert)
        assert (chain.read_text(), key.read_text()) == ("the chain", "the key")
        seen.update({path: stat.S_IMODE(path.stat().st_mode) for path in (chain, key, key.parent)})
        raise requests.ConnectionError("no network")

    monkeypatch.setattr(requests.Session, "put", put)
    with pytest.raises(Unavailable, match="DPS cannot be reached: no network"):
        register_over_https("0ne00000000", "press-07", DeviceCredential("the key", "the chain"), Wire(), lambda _: None)
    assert list(seen.values()) == [0o600, 0o600, 0o700]
    assert not any(path.exists() for path in seen)
