"""Clients that nobody here wrote, at the embedded Azure: `python -m tests.clients.run [--only PROGRAM …] [--write]`.

Installs them, runs their programs, and prints the table of which client can do what; with `--write` the table of
`docs/emulator.md` is written again. Exits with 1 if a client could not do what it offers. A registry that is not reached costs
the rows of its programs alone.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path

from tests.clients.apart import apart, led_here
from tests.clients.catalogue import HERE, INSTALLED, PROGRAMS, NotInstalled, Program, Way
from tests.clients.ground import Ground, devices_of, host_names, stood
from tests.clients.operations import Said, Wish, read_line
from tests.clients.table import Row, rows, table, write

_SECONDS = 300.0


def main(words: Sequence[str]) -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.clients.run")
    parser.add_argument("--only", nargs="+", choices=[each.name for each in PROGRAMS], default=[each.name for each in PROGRAMS])
    parser.add_argument("--write", action="store_true", help="write the table of docs/emulator.md again")
    given = parser.parse_args(words)
    programs = [each for each in PROGRAMS if each.name in given.only]
    if given.write and len(programs) < len(PROGRAMS):
        parser.error("the table of the manual has the rows of all programs: leave out --only, or --write")
    missing = install(programs)
    apart("tests.clients.run", words)
    said: list[Said] = []
    reasons = dict(missing)
    devices = [each for program in programs for each in devices_of(program)]
    with tempfile.TemporaryDirectory() as place, stood(Path(place), devices) as ground:
        hosts = Path(place) / "hosts"
        hosts.write_text(f"127.0.0.1 localhost {' '.join(host_names(ground.settings))}\n")
        for program in programs:
            if program.name not in missing:
                print(f"{program.name} …", file=sys.stderr, flush=True)
                told, ended = run(program, ground, hosts)
                said += told
                if ended:
                    reasons[program.name] = ended
    made = rows(programs, said, reasons)
    for line in failures(made, reasons):
        print(line)
    print(table(made))
    if given.write:
        write(made)
    return 1 if any(row.failed for row in made) or reasons else 0


def install(programs: Sequence[Program]) -> dict[str, str]:
    """Installs what they need; for each program that cannot have it, the reason."""
    missing = {}
    for program in programs:
        try:
            program.environment.install()
        except NotInstalled as reason:
            missing[program.name] = str(reason)
    return missing


def run(program: Program, ground: Ground, hosts: Path) -> tuple[list[Said], str]:
    """Runs a program: what it says, and why it ended too early, empty if it did not. Its stderr is kept in `.clients`."""
    command = [*program.command, str(ground.describe(program))]
    if program.way is Way.DOOR:
        command = led_here(command, hosts)
    said: list[Said] = []
    log = INSTALLED / f"{program.name}.log"
    with (
        open(log, "w") as errors,
        subprocess.Popen(
            command,
            cwd=HERE / program.environment.folder,
            env=ground.variables(program),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as process,
    ):
        assert process.stdout is not None
        end = threading.Timer(_SECONDS, process.kill)
        end.start()
        try:
            for line in process.stdout:
                match read_line(line):
                    case Wish(device):
                        ground.send(device)
                    case Said() as each:
                        said.append(each)
        finally:
            end.cancel()
            process.kill()
    code = process.wait()
    return said, "" if code == 0 else f"ended with {code}: see {os.path.relpath(log)}"


def failures(made: Sequence[Row], reasons: dict[str, str]) -> list[str]:
    """Each operation that a client could not do, and each program that did not end well, in words."""
    broken = [f"{row.client.name}: {each.operation}: {each.words}" for row in made for each in row.failed]
    return [*broken, *(f"{name}: {reason}" for name, reason in reasons.items())]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
