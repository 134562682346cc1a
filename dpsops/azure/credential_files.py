"""A device's key and chain as files, because TLS libraries want paths: in memory where the platform can, so that a process that
is killed leaves no key on a disk."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from dpsops.pki.bundles import DeviceCredential

_PREFIX = "dpsops-device-"
_FILES = {"chain.pem", "key.pem"}


@contextmanager
def files(credential: DeviceCredential) -> Iterator[tuple[str, str]]:
    """The paths of chain and key, for as long as the block lasts. First it removes what killed processes have left."""
    sweep(Path(tempfile.gettempdir()))
    with ExitStack() as stack:
        if not hasattr(os, "memfd_create") or not Path("/proc/self/fd").is_dir():
            yield stack.enter_context(_on_disk(credential))
            return
        yield stack.enter_context(_in_memory(credential.chain)), stack.enter_context(_in_memory(credential.key))


@contextmanager
def _in_memory(text: str) -> Iterator[str]:
    """The path of an anonymous file in memory (memfd_create(2)), which ends with the process."""
    with open(os.memfd_create("dpsops"), "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        yield f"/proc/self/fd/{file.fileno()}"


@contextmanager
def _on_disk(credential: DeviceCredential) -> Iterator[tuple[str, str]]:
    """Files with mode 0600, in a directory with mode 0700 that is locked for as long as it is in use."""
    with tempfile.TemporaryDirectory(prefix=_PREFIX) as directory, _locked(Path(directory)) as free:
        if not free or not Path(directory).is_dir():  # another run has swept it before it was locked
            raise FileNotFoundError(f"{directory} was removed")
        chain, key = Path(directory) / "chain.pem", Path(directory) / "key.pem"
        for path, content in ((chain, credential.chain), (key, credential.key)):
            path.touch(mode=0o600)
            path.write_text(content, encoding="ascii")
        yield str(chain), str(key)


@contextmanager
def _locked(directory: Path) -> Iterator[bool]:
    """Whether the lock of a directory was free; it is held until the block ends."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield True
    except BlockingIOError:
        yield False
    finally:
        os.close(descriptor)


def sweep(place: Path) -> None:
    """Removes the directories of our own that no process has locked: whoever made them was killed. Only those with nothing else
    in them than a device's key and chain."""
    for directory in place.glob(f"{_PREFIX}*"):
        with suppress(OSError):  # somebody else's, or another run is removing it
            if not directory.is_symlink() and directory.stat().st_uid == os.getuid():
                with _locked(directory) as free:
                    if free and {*os.listdir(directory)} <= _FILES:
                        shutil.rmtree(directory)
