"""Nothing that is printed in a run of GitHub Actions is a command for its runner, except by intention."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dpsops.cli.harmless import Harmless
from tests.cli.runner import Command, commands

PIECES = ["::", ":", "##[", "##", "#", "[", "error", "add-mask", "stop-commands", "]", " ", "\t", "\n", "\r", "\u2028", "\x1b"]
HARMFUL = st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=12).map("".join)


@given(st.lists(HARMFUL, max_size=6))
@example(["::error::x"])
@example([":", ":error::x"])
@example(["fine\n", "  \t", "::add-mask::a"])
@example(["fine\r::error::x"])
@example(["in the middle ##", "[error]x"])
@example(["\u2003::warning::x"])
def test_no_text_is_a_command_however_it_is_cut(texts: list[str]) -> None:
    stream = io.StringIO(newline="")
    Harmless(stream).writelines(texts)
    assert commands(stream.getvalue()) == []
    assert stream.getvalue().replace(" ", "") == "".join(texts).replace(" ", ""), "only spaces are added"


@pytest.mark.parametrize("text", ["fe80::1 is no command\n", "a :: b ## [x]\n", ": one\n", '{"a": "x::y"}\n', "##\n[x]\n"])
def test_what_is_no_command_stays_as_it_is(text: str) -> None:
    stream = io.StringIO()
    print(text, end="", file=Harmless(stream))
    assert stream.getvalue() == text


@given(st.text(), st.text())
@example("a\r\nb%0A", "dpsops: x, y=1::%2C")
@example("::error::x", "")
def test_the_runner_reads_what_was_meant(message: str, title: str) -> None:
    stream = io.StringIO(newline="")
    harmless = Harmless(stream)
    harmless.write("a line that has not ended")
    harmless.command("error", message, title=title)
    harmless.write("::warning::injected\n")
    (found,) = commands(stream.getvalue())
    properties = (("title", title),)
    assert (found.name, found.properties, found.data) == ("error", properties, message)


def test_a_mask_never_stays_in_a_file(tmp_path: Path) -> None:
    with open(tmp_path / "stderr", "w+") as file:
        Harmless(file).mask("hunter2")
        file.seek(0)
        assert file.read() == ""


def test_each_line_of_a_secret_is_masked() -> None:
    stream = io.StringIO()
    Harmless(stream).mask("one%\n\n  \ntwo")
    assert commands(stream.getvalue()) == [Command("add-mask", (), "one%"), Command("add-mask", (), "two")]
