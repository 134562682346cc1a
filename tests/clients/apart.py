"""A network of its own: nothing but this machine is there, so no client can reach the real Azure, whatever it does.

Only Linux has such namespaces (`unshare` of util-linux, `ip` of iproute2).
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

_MARK = "DPSOPS_CLIENTS_APART"


def apart(module: str, arguments: Sequence[str]) -> None:
    """Goes on only inside such a network; runs this module again there, if it is not. There, this user may take port 443."""
    if _MARK in os.environ:
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        return
    missing = [name for name in ("unshare", "ip") if shutil.which(name) is None]
    if missing:
        sys.exit(f"a network of its own needs {' and '.join(missing)}, of Linux")
    command = ["unshare", "--user", "--map-root-user", "--net", "--mount", sys.executable, "-m", module, *arguments]
    os.execvpe(command[0], command, os.environ | {_MARK: "1"})  # noqa: S606


def led_here(command: Sequence[str], hosts: Path) -> list[str]:
    """A command for which the names in a file of hosts are the only ones."""
    script = f"mount --bind {shlex.quote(str(hosts))} /etc/hosts && exec {shlex.join(command)}"
    return ["unshare", "--mount", "sh", "-c", script]
