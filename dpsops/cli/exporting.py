"""`dpsops device export`: the bundles of devices as files, for a factory."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dpsops.cli import files
from dpsops.cli.connection import connected
from dpsops.cli.exits import of_many
from dpsops.cli.options import Options
from dpsops.cli.summary import Summary
from dpsops.cli.tally import FEW, Tally
from dpsops.cli.wanted import STDIN, DevicesArgument, FromOption, wanted_devices
from dpsops.errors import InvalidInput, Refused

if TYPE_CHECKING:
    from dpsops.model.action import Failed
    from dpsops.pki.names import DeviceId
    from dpsops.workflows.export import Exported


def export(
    context: typer.Context,
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="The directory for the files, one for each device.")],
    devices: DevicesArgument = None,
    source: FromOption = None,
    pfx: Annotated[bool, typer.Option("--pfx", help="PFX (PKCS #12) instead of PEM; it needs --password-file.")] = False,
    password_file: Annotated[
        Path | None, typer.Option("--password-file", metavar="FILE", help="The password of the PFX, one line; - is stdin.")
    ] = None,
    legacy: Annotated[bool, typer.Option("--legacy", help="3DES and SHA-1, for devices that read no other PFX.")] = False,
    remove_key: Annotated[
        bool, typer.Option("--remove-key", help="Remove each private key from the vault when its file is written.")
    ] = False,
) -> int:
    """Write each device's private key, certificate and chain to a file that only its owner may read.

    A file with anything else is not overwritten. If the command was interrupted, the same words complete it.

    \b
    Examples:
      dpsops device export press-07 --to delivery/
      dpsops device export --from line-3.csv --to delivery/ --pfx --password-file password.txt
      dpsops device export --from line-3.csv --to delivery/ --remove-key
    """
    from dpsops.model.action import Failed
    from dpsops.model.shards import WHOLE
    from dpsops.workflows import export as workflow

    options: Options = context.obj
    password = _password(password_file, source, pfx=pfx, legacy=legacy)
    if password is not None:
        options.told.mask(password.decode())
    with connected(options) as connection:
        given = wanted_devices(devices or (), source, connection.run.environment, shard=WHOLE, keep_going=False)
        with given as roster:
            wanted = [each.device for each in roster]
        deliver = _deliverer(_directory(to), password, legacy=legacy)
        done, failed = list[workflow.Exported](), list[Failed]()
        options.told.done = lambda: _document(done, failed)
        try:
            for result in workflow.export(connection.run, connection.leaves, wanted, deliver, remove_key=remove_key):
                if isinstance(result, Failed):
                    failed.append(result)
                else:
                    done.append(result)
        except BaseException:
            options.tell(_summary(done, failed))
            connection.run.progress("")
            print(_text(done, failed), file=sys.stderr)
            raise
    options.print_result(_document(done, failed), _text(done, failed), _summary(done, failed))
    return of_many(succeeded=bool(done), failed=bool(failed))


def _document(done: list[Exported], failed: list[Failed]) -> dict[str, Any]:
    return {
        "exported": [
            {"device": each.device, "file": each.path, "written": each.written, "key_removed": each.key_removed} for each in done
        ],
        "failed": [{"device": each.device, "reason": each.reason} for each in failed],
    }


def _summary(done: list[Exported], failed: list[Failed]) -> Summary:
    """What was exported. Files are no change in Azure: only the removal of a key is."""
    tally = Tally.of(failed)
    tally.nouns = ("file written", "files written")
    for each in done:
        if each.written or each.key_removed:
            tally.did("export", each.device, f"{each.path}{', key removed from the vault' if each.key_removed else ''}")
        else:
            tally.kept += 1
    found = tally.summary("Nothing was written: each file is there.")
    return replace(found, outputs=replace(found.outputs, changed=any(each.key_removed for each in done), issued=None))


def _text(done: list[Any], failed: list[Any]) -> str:
    lines = [f"✗ {each.device}: {each.reason}" for each in failed]
    if len(done) <= FEW:
        for each in done:
            what = f"written to {each.path}" if each.written else f"is in {each.path}"
            lines.append(f"✓ {each.device}: {what}{', and its key is no longer in the vault' if each.key_removed else ''}")
    else:
        removed = sum(each.key_removed for each in done)
        lines.append(f"✓ {len(done):,} exported{f', {removed:,} keys removed from the vault' if removed else ''}")
    return "\n".join(lines)


def _password(file: Path | None, source: Path | None, *, pfx: bool, legacy: bool) -> bytes | None:
    """The password of the PFX, or None for PEM."""
    from dpsops.pki.exports import password

    if not pfx:
        if file is not None or legacy:
            raise InvalidInput("--password-file and --legacy are for a PFX", "add --pfx")
        return None
    if file is None:
        raise InvalidInput("a PFX needs a password", "add --password-file FILE; - is standard input")
    if file == STDIN:
        if source == STDIN:
            raise InvalidInput("standard input cannot be both the devices and the password", "write one of them to a file")
        return password(sys.stdin.buffer.read(files.MOST_BYTES))
    return password(files.read_bytes(file, "file of the password", "check the path"))


def _directory(path: Path) -> Path:
    try:
        path.mkdir(mode=0o700, exist_ok=True)
    except OSError as cause:
        raise InvalidInput(f"the directory {path} cannot be used: {cause.strerror}", "choose another one after --to") from cause
    return path


def _deliverer(directory: Path, password: bytes | None, *, legacy: bool) -> Callable[[DeviceId, str], tuple[str, bool]]:
    """Writes bundles into a directory: each file is complete or not there, and never written over."""
    from dpsops.pki import exports

    def deliver(device: DeviceId, bundle: str) -> tuple[str, bool]:
        path = directory / exports.file_name(device, ".pem" if password is None else ".pfx")
        try:
            if os.path.lexists(path):
                if exports.holds(path.read_bytes(), bundle, password, legacy=legacy):
                    return str(path), False
                raise Refused(
                    f"{path} exists, and is not the bundle of {device} in the vault", "move it away, or choose another --to"
                )
            data = bundle.encode() if password is None else exports.pfx(device, bundle, password, legacy=legacy)
            _write_new(path, data)
        except FileExistsError as cause:
            raise Refused(f"somebody else has just written {path}", "look at the file, then run the command again") from cause
        except OSError as cause:
            if cause.errno in files.FULL:
                raise
            raise Refused(f"{path} cannot be used: {cause.strerror}", "move it away, or choose another --to") from cause
        return str(path), True

    return deliver


def _write_new(path: Path, data: bytes) -> None:
    """Writes a file all at once. What it holds may be removed from the vault next, so file and directory are on the disk."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # 0600 from birth
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.link(name, path)  # fails if there is a file, unlike a renaming
    finally:
        os.unlink(name)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
