"""What a leaf costs in a loop of `openssl` commands, as scripts have it: a key, a request, a certificate from a local CA."""

from __future__ import annotations

import argparse
import resource
import subprocess
import tempfile
from pathlib import Path


def measure(leaves: int) -> float:
    """Seconds of CPU for a leaf, of all three commands. Raises `CalledProcessError` if one fails."""
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        _openssl(place, "ecparam -name prime256v1 -genkey -noout -out ca.key")
        _openssl(place, "req -x509 -new -key ca.key -subj /CN=ca -days 3650 -out ca.pem")
        before = _children()
        for number in range(leaves):
            _leaf(place, f"press-{number}")
        return (_children() - before) / leaves


def _leaf(place: Path, device: str) -> None:
    _openssl(place, f"ecparam -name prime256v1 -genkey -noout -out {device}.key")
    _openssl(place, f"req -new -key {device}.key -subj /CN={device} -out {device}.csr")
    _openssl(place, f"x509 -req -in {device}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 365 -out {device}.pem")


def _openssl(place: Path, words: str) -> None:
    subprocess.run(["openssl", *words.split()], cwd=place, check=True, capture_output=True)  # noqa: S607


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Prints what a leaf costs."""
    parser = argparse.ArgumentParser(prog="python -m bench.openssl_loop", description=__doc__, allow_abbrev=False)
    parser.add_argument("--leaves", type=int, default=100)
    print(f"{1000 * measure(parser.parse_args().leaves):.1f} ms of CPU a leaf")


if __name__ == "__main__":
    main()
