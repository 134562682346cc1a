"""What the runner of GitHub Actions is told of a command: files, commands, masks."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dpsops.cli import actions
from dpsops.cli.actions import errors, step, warnings
from dpsops.cli.summary import Name, Outputs, Summary, Table
from dpsops.cli.told import Told
from tests.cli.runner import Command, Job, commands, outputs, tables
from tests.cli.terminal import SOURCE, Terminal, served

DONE = Summary("Done.", outputs=Outputs(changed=True, pending=False, root_thumbprint="AB12", issued=3, failed=0))


def tell(*summaries: Summary) -> None:
    with step(os.environ, "dpsops up") as told:
        told.environment = "prod"
        told.summaries.extend(summaries)


def test_outputs_are_what_is_known_and_the_last_word_counts(job: Job) -> None:
    tell(DONE, Summary("More.", outputs=Outputs(issued=4)))
    assert job.outputs == {"changed": "true", "pending": "false", "root-thumbprint": "AB12", "issued": "4", "failed": "0"}
    job.begin()
    tell(Summary("Nothing is known."))
    assert (job.outputs, job.page) == ({}, "## ✅ dpsops up (prod)\n\nNothing is known.\n")


def test_what_an_earlier_command_has_written_stays_and_a_value_cannot_end_itself(
    job: Job, capsys: pytest.CaptureFixture[str]
) -> None:
    job.summary.write_text("before")
    job.output.write_text("mine=1")
    tell(Summary("Done.", outputs=Outputs(root_thumbprint="one\nissued=9\nEOF\ntwo")))
    tell(Summary("Done.", outputs=Outputs(issued=2)))
    assert job.outputs == {"mine": "1", "root-thumbprint": "one\nissued=9\nEOF\ntwo", "issued": "2"}
    delimiters = {line.partition("<<")[2] for line in job.output.read_text().splitlines() if "<<" in line}
    assert len(delimiters) == 2
    assert job.page.startswith("before\n## ✅ dpsops up (prod)\n")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("value", [None, "", "{}/none/file", "{}"])
@pytest.mark.parametrize("name", ["GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT"])
def test_a_file_that_cannot_be_written_is_a_warning(
    job: Job, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, value: str | None
) -> None:
    if value is None:
        monkeypatch.delenv(name)
    else:
        monkeypatch.setenv(name, value.format(tmp_path))
    tell(DONE)
    (found,) = commands(capsys.readouterr().err)
    assert (found.name, name in found.data) == ("warning", True)
    assert bool(job.page) == (name == "GITHUB_OUTPUT")
    assert bool(job.outputs) == (name == "GITHUB_STEP_SUMMARY")


def test_the_summary_of_a_step_stays_below_a_mebibyte(job: Job, capsys: pytest.CaptureFixture[str]) -> None:
    rows = tuple((Name(f"press-{number}"), "x" * 4000) for number in range(200))
    for _ in range(2):
        tell(Summary("Listed.", (Table(("device", "why"), rows),)))
    first, second = tables(job.page)
    assert len(first) == 201
    assert f"And {201 - len(second)} more\n" in job.page
    assert 1_040_000 < job.summary.stat().st_size <= 1 << 20
    job.summary.write_text("x" * (1 << 20))
    assert capsys.readouterr().err == ""
    tell(DONE)
    assert job.summary.stat().st_size == 1 << 20
    (found,) = commands(capsys.readouterr().err)
    assert found.data == "the summary of this step is full: give the command a step of its own"


def test_github_shows_ten_errors_and_the_one_that_ended_the_command_is_first() -> None:
    summary = Summary("", errors=tuple(f"press-{number}" for number in range(10)), errors_left_out=90)
    told = Told(summaries=[summary], failure=("broken", "mend it"))
    found = errors(told)
    assert (len(found), found[0], found[-1]) == (10, "broken\nhint: mend it", "and 92 more: see the summary of this step")
    told = Told(summaries=[Summary("", errors=("a", "b"), warnings=tuple("0123456789"))])
    assert (errors(told), warnings(told)) == (["a", "b"], [*"0123456789"])


def test_an_error_of_azure_can_neither_command_the_runner_nor_mark_up_its_page(
    job: Job, capsys: pytest.CaptureFixture[str]
) -> None:
    evil = "no\n::stop-commands::x\n##[add-mask]a | b <script>`, c: d%0A"
    with step(os.environ, "dpsops up") as told:
        told.failure = (evil, "::warning::y")
        sys.stdout.write(evil)
        sys.stderr.write(evil)
    printed = capsys.readouterr()
    assert commands(printed.out) == []
    assert commands(printed.err) == [Command("error", (("title", "dpsops up"),), f"{evil}\nhint: ::warning::y")]
    assert "**Error:** no<br>&#58;&#58;stop-commands" in job.page


def test_a_defect_is_printed_as_harmless_and_told(job: Job, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended, step(os.environ, "dpsops up"):
        raise ValueError("x\n::add-mask::e")
    err = capsys.readouterr().err
    assert ended.value.code == 1
    assert [each.name for each in commands(err)] == ["error"]
    assert "ValueError: x\n: :add-mask::e" in err
    assert "a defect of dpsops&#58; ValueError" in job.page


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["device"], ["device", "issue", "--help"]])
def test_help_says_nothing_to_the_runner(terminal: Terminal, job: Job, arguments: list[str]) -> None:
    _, _, err = terminal(*arguments)
    assert (job.page, job.outputs, commands(err)) == ("", {}, [])


@pytest.mark.parametrize(
    ("arguments", "title"),
    [
        (["--env", "plan", "device", "issue", "Press"], "dpsops device issue (plan)"),
        (["--output", "json", "--verbose", "rotate", "undo", "x"], "dpsops rotate undo (local)"),
        (["device", "issue", "--from", "status", "x", "renew"], "dpsops device issue (local)"),
        (["nonsense"], "dpsops (local)"),
    ],
)
def test_an_error_has_the_words_of_its_command(terminal: Terminal, job: Job, arguments: list[str], title: str) -> None:
    code, _, err = terminal(*arguments)
    assert code == 2
    (found,) = commands(err)
    assert (found.name, dict(found.properties)["title"]) == ("error", title)
    assert job.page.startswith(f"## ❌ {title}\n\n**Error:** ")


ENDING = """
import os, signal
from dpsops.cli.main import run
from dpsops.workflows import issue
began = issue.issue
def ending(*given):
    for each in began(*given):
        yield each
        os.kill(os.getpid(), signal.SIGTERM)
issue.issue = ending
run()
"""
"""Gets a signal after the first certificate."""


def test_what_an_interrupted_process_has_done_is_told(terminal: Terminal, job: Job, tmp_path: Path) -> None:
    """SIGTERM is what the runner sends when a job is cancelled."""
    terminal("up")
    (tmp_path / "ending.py").write_text(ENDING)
    job.begin()
    command = [sys.executable, "-m", "ending", "device", "issue", "press-07", "press-08"]
    done = subprocess.run(command, cwd=tmp_path, env=os.environ | SOURCE, capture_output=True, text=True, check=False)
    assert done.returncode == 128 + 15
    assert job.outputs == {"changed": "true", "issued": "1", "failed": "0"}
    assert job.page.startswith("## ❌ dpsops device issue (local)\n\n**Error:** interrupted; completed steps stay done")
    assert [each.name for each in commands(done.stderr)] == ["error"]


def test_the_password_of_a_pfx_is_masked_and_no_key_is_in_anything_that_is_told(
    terminal: Terminal, job: Job, tmp_path: Path
) -> None:
    terminal("up")
    terminal("device", "issue", "press-07")
    (tmp_path / "password").write_text("hunter2%,:\n")
    export = ("device", "export", "press-07", "--to", "out", "--pfx", "--password-file", "password")
    code, out, err = terminal(*export)
    assert (code, commands(out), commands(err)) == (0, [], [Command("add-mask", (), "hunter2%,:")])
    assert "hunter2" not in out + job.page + job.output.read_text()
    code, out, err = terminal("device", "export", "press-07", "--to", "pem")
    key = (tmp_path / "pem" / "press-07.pem").read_text().splitlines()[1]
    assert key not in out + err + job.page + job.output.read_text()


def test_the_secret_of_the_embedded_azure_is_masked(terminal: Terminal, job: Job, tmp_path: Path) -> None:
    with served(tmp_path):
        secret = terminal.json("local", "env")["AZURE_CLIENT_SECRET"]
        _, _, err = terminal("local", "env")
    assert Command("add-mask", (), secret) in commands(err)
    assert secret not in job.page + job.output.read_text()


def test_only_github_is_told(terminal: Terminal, job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "1")
    monkeypatch.setattr(actions, "step", None)
    code, _, err = terminal("status")
    assert (code, commands(err), job.page, outputs(job.output.read_text())) == (0, [], "", {})
