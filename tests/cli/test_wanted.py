"""The devices that a command line names, as arguments or in a file, and the file of the failures."""

from __future__ import annotations

import fcntl
import io
import os
import re
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from dpsops.cli.failures import FailedFile
from dpsops.cli.wanted import STDIN, wanted_devices
from dpsops.errors import InvalidInput
from dpsops.model.shards import WHOLE, Shard
from dpsops.model.wanted import Row, Wanted
from dpsops.pki.names import DeviceId
from dpsops.settings import Environment
from tests import settings_texts
from tests.cli.terminal import SOURCE

HEADER = "device,hub,twin,individual,request,reason\n"
FULL = Wanted(DeviceId("full"), "iot-1", {"text": 'a,"b"\n; ü'}, True, "in, out/a.csr")


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An environment with the hubs iot-1 and iot-2."""
    return settings_texts.environment(tmp_path_factory.mktemp("infra"), settings_texts.COMPLETE)


def named(
    environment: Environment, *devices: str, source: Path | None = None, shard: Shard = WHOLE, keep_going: bool = False
) -> tuple[list[Wanted], list[int]]:
    """The devices that are named, and the lines of the bad rows that are this shard's."""
    with wanted_devices(devices, source, environment, shard=shard, keep_going=keep_going) as roster:
        return list(roster), [bad.line for bad in roster.own_bad_rows()]


def written(tmp_path: Path, text: str) -> Path:
    """A file with this text."""
    path = tmp_path / "fleet.txt"
    path.write_text(text, encoding="utf-8")
    return path


def test_devices_as_arguments(environment: Environment) -> None:
    assert named(environment, "b", "a", "b") == ([Wanted(DeviceId("b")), Wanted(DeviceId("a"))], [])
    with pytest.raises(InvalidInput, match="the device ID 'B' has upper case letters"):
        named(environment, "a", "B", keep_going=True)


def test_devices_in_a_file(environment: Environment, tmp_path: Path) -> None:
    assert named(environment, source=written(tmp_path, "b\na\n")) == ([Wanted(DeviceId("b")), Wanted(DeviceId("a"))], [])


def test_devices_on_standard_input(environment: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\xef\xbb\xbfdevice\r\na\r\n")))
    assert named(environment, source=STDIN) == ([Wanted(DeviceId("a"))], [])
    with pytest.raises(InvalidInput, match="standard input names no device"):
        named(environment, source=STDIN)


def test_arguments_or_a_file(environment: Environment, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="not as both"):
        named(environment, "a", source=written(tmp_path, "b\n"))
    with pytest.raises(InvalidInput, match="no device is given") as refused:
        named(environment)
    assert "--from FILE" in refused.value.hint


@pytest.mark.parametrize("keep_going", [False, True])
@pytest.mark.parametrize("text", ["", "\n# a\n", "device\n", HEADER])
def test_a_file_without_a_device_is_refused(environment: Environment, tmp_path: Path, text: str, keep_going: bool) -> None:
    with pytest.raises(InvalidInput, match=r"fleet\.txt names no device"):
        named(environment, source=written(tmp_path, text), keep_going=keep_going)


def test_a_shard_may_have_no_device(environment: Environment, tmp_path: Path) -> None:
    source = written(tmp_path, "press-07\n")
    found = [named(environment, source=source, shard=Shard(number, 3))[0] for number in (1, 2, 3)]
    assert found == [[], [], [Wanted(DeviceId("press-07"))]]
    found = [named(environment, "press-07", shard=Shard(number, 3))[0] for number in (1, 2, 3)]
    assert found == [[], [], [Wanted(DeviceId("press-07"))]]


def test_a_file_that_is_not_there_is_refused(environment: Environment, tmp_path: Path) -> None:
    for path in (tmp_path / "none.txt", tmp_path):
        with pytest.raises(InvalidInput, match=f"{re.escape(str(path))} cannot be read: ") as refused:
            named(environment, source=path, keep_going=True)
        assert "--from" in refused.value.hint


def test_every_bad_row_is_named_before_anything_is_done(environment: Environment, tmp_path: Path) -> None:
    source = written(tmp_path, "device,hub\na,iot-1\nB,\na,\nc,iot-3\n")
    with pytest.raises(InvalidInput) as refused:
        named(environment, source=source)
    assert refused.value.message.splitlines() == [
        f"{source} has 3 bad rows, so nothing was done:",
        "line 3: the device ID 'B' has upper case letters: DPS ignores case and IoT Hub does not: write b",
        "line 4: a is there twice: first in line 2",
        "line 5: the environment has no hub 'iot-3': use one of: iot-1, iot-2",
    ]
    assert "--keep-going" in refused.value.hint


@pytest.mark.parametrize(("count", "last"), [(1, "line 1: "), (20, "line 20: "), (21, "and 1 more"), (500, "and 480 more")])
def test_at_most_twenty_bad_rows_are_shown(environment: Environment, tmp_path: Path, count: int, last: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        named(environment, source=written(tmp_path, "".join(f"Bad-{number}\n" for number in range(count))))
    first, *lines = refused.value.message.splitlines()
    assert f"has {count} bad row{'' if count == 1 else 's'}," in first
    assert len(lines) == min(count, 21)
    assert lines[-1].startswith(last)


def test_other_rows_go_on_if_asked_for(environment: Environment, tmp_path: Path) -> None:
    source = written(tmp_path, "a\nB\na\nc\n")
    assert named(environment, source=source, keep_going=True) == ([Wanted(DeviceId("a")), Wanted(DeviceId("c"))], [2, 3])
    parts = [named(environment, source=source, keep_going=True, shard=Shard(number, 4)) for number in range(1, 5)]
    assert sorted(each.device for devices, _ in parts for each in devices) == ["a", "c"]
    assert sorted(line for _, lines in parts for line in lines) == [2, 3]


def test_a_bad_row_of_another_shard_refuses_the_command_too(environment: Environment, tmp_path: Path) -> None:
    for number in range(1, 5):
        with pytest.raises(InvalidInput, match="has 1 bad row, so nothing was done"):
            named(environment, source=written(tmp_path, "a\nb\nB\n"), shard=Shard(number, 4))


def test_a_file_that_cannot_be_read_any_further_is_refused_whatever_is_asked_for(
    environment: Environment, tmp_path: Path
) -> None:
    with pytest.raises(InvalidInput, match="line 1: unknown column 'hup'"):
        named(environment, source=written(tmp_path, "device,hup\na,\n"), keep_going=True)


def test_failures_can_be_read_as_they_are(environment: Environment, tmp_path: Path) -> None:
    path = tmp_path / "failed.csv"
    with FailedFile(path, None) as failed:
        failed.add(FULL.row(), 'DPS says "no", and\nsays why')
        failed.add(Wanted(DeviceId("a"), twin={}, individual=False).row()._replace(twin=""), "no answer")
        failed.add(Row("Bad", "iot-9", "{", "ja", "x.csr"), "upper case letters")
    text = path.read_text(encoding="utf-8")
    assert text.startswith(f"{HEADER}full,iot-1,")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert named(environment, source=path, keep_going=True) == ([FULL, Wanted(DeviceId("a"), individual=False)], [5])


def test_failures_of_failures_are_the_same(environment: Environment, tmp_path: Path) -> None:
    first, second = tmp_path / "first.csv", tmp_path / "second.csv"
    with FailedFile(first, None) as failed:
        failed.add(FULL.row(), "no answer")
        failed.add(Row('line 3: {"device": 7}'), "it is not text")
    with (
        wanted_devices([], first, environment, shard=WHOLE, keep_going=True) as roster,
        FailedFile(second, first) as failed,
    ):
        for device in roster:
            failed.add(device.row(), "no answer")
        for bad in roster.own_bad_rows():
            failed.add(bad.row, "it is not text")
    assert second.read_text() == first.read_text()


def test_without_a_failure_there_is_no_file(tmp_path: Path) -> None:
    path = tmp_path / "failed.csv"
    with FailedFile(path, None):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not path.exists()
    path.write_text(f"{HEADER}a,,,,,no answer\n")
    with FailedFile(path, None):
        pass
    assert not path.exists()


def test_the_failures_of_an_earlier_run_are_replaced(tmp_path: Path) -> None:
    path = tmp_path / "failed.csv"
    for before in ("", HEADER, f"{HEADER}a,,,,,no answer\n"):
        path.write_text(before)
        with FailedFile(path, tmp_path / "fleet.txt") as failed:
            failed.add(Row("b"), "denied")
        assert path.read_text() == f"{HEADER}b,,,,,denied\n"


@pytest.mark.parametrize("text", ["a\nb\n", "device,hub\na,iot-1\n", "\n", HEADER.replace("reason", "remark"), HEADER[:-1]])
def test_any_other_file_is_left_as_it_is(tmp_path: Path, text: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(InvalidInput, match=r"cannot be written to .*: it exists, and is not a file of failures"):
        FailedFile(path, None)
    assert path.read_text() == text


def test_the_file_that_names_the_devices_is_left_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = f"{HEADER}a,,,,,no answer\n"
    source = written(tmp_path, text)
    link = tmp_path / "link.csv"
    link.symlink_to(source)
    monkeypatch.chdir(tmp_path)
    for path in (source, link, Path("fleet.txt")):
        with pytest.raises(InvalidInput, match="the devices are read from it"):
            FailedFile(path, source)
    command = [sys.executable, "-c", "from dpsops.cli.failures import *; FailedFile(Path('fleet.txt'), Path('-'))"]
    with source.open() as stdin:
        result = subprocess.run(
            command, stdin=stdin, env=os.environ | SOURCE, cwd=tmp_path, capture_output=True, text=True, check=False
        )
    assert "the devices are read from it" in result.stderr
    assert source.read_text() == text


def test_two_commands_never_write_to_one_file(tmp_path: Path) -> None:
    path = tmp_path / "failed.csv"
    with FailedFile(path, None) as failed:
        failed.add(Row("a"), "no answer")
        with pytest.raises(InvalidInput, match="another command writes its failures to it"):
            FailedFile(path, None)
        failed.add(Row("b"), "no answer")
    assert path.read_text() == f"{HEADER}a,,,,,no answer\nb,,,,,no answer\n"


def test_a_file_that_another_command_removes_at_this_moment_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "failed.csv"
    lock = fcntl.flock

    def late(file: io.FileIO, operation: int) -> None:
        path.unlink()
        lock(file, operation)

    monkeypatch.setattr(fcntl, "flock", late)
    with pytest.raises(InvalidInput, match="another command has just removed it"):
        FailedFile(path, None)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("none/failed.csv", "No such file or directory"),
        (".", "Is a directory"),
        ("/dev/null", "it is not a regular file"),
        ("-", "cannot be written to standard output"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidInput, match=re.escape(words)) as refused:
        FailedFile(Path(name), None)
    assert "--failed" in refused.value.hint
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_an_error_of_the_system(tmp_path: Path) -> None:
    program = """
import resource, sys
from dpsops.cli.failures import *
from dpsops.model.wanted import Row
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
with FailedFile(Path("failed.csv"), None) as failed:
    failed.add(Row("a"), "no answer")
    print("one", flush=True)
    failed.add(Row("b"), "no answer" * 10)
"""
    result = subprocess.run(
        [sys.executable, "-c", program], env=os.environ | SOURCE, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stdout) == (1, "one\n")
    assert result.stderr.endswith("OSError: [Errno 27] File too large\n")
    assert (tmp_path / "failed.csv").read_text().startswith(f"{HEADER}a,,,,,no answer\nb,")


def test_a_command_that_is_killed_loses_no_failure(environment: Environment, tmp_path: Path) -> None:
    path = tmp_path / "failed.csv"
    program = """
import os, signal
from dpsops.cli.failures import *
from dpsops.model.wanted import Row
with FailedFile(Path("failed.csv"), None) as failed:
    failed.add(Row("a"), "no answer")
    failed.add(Row("b"), "no answer")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    result = subprocess.run([sys.executable, "-c", program], env=os.environ | SOURCE, cwd=tmp_path, check=False)
    assert result.returncode == -signal.SIGKILL
    assert named(environment, source=path) == ([Wanted(DeviceId("a")), Wanted(DeviceId("b"))], [])
    with FailedFile(path, None) as failed:  # the lock is gone with the process
        failed.add(Row("b"), "no answer")
